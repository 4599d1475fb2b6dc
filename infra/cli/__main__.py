"""`./tenet`, or `python -m infra.cli`: starts and stops a system, brings databases up to date, runs the tests."""

import typer

from infra.cli.system import system_commands

app = typer.Typer(
    name="tenet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Managed detection and response on one verifiable ledger per customer.",
)
system_commands(app)


def main() -> None:
    """Runs the command that the arguments name."""
    app(prog_name="tenet")


if __name__ == "__main__":
    main()
