"""`./tenet`, or `python -m infra.cli`: runs a system, and is its client. One file per group of commands."""

import inspect
import sys

import structlog
import typer

from infra.cli import (
    access,
    assets,
    audit,
    case_merging,
    case_work,
    cases,
    certifications,
    charters,
    conversations,
    custody,
    detections,
    findings,
    handover,
    intelligence,
    ledger,
    messages,
    oncall,
    operations,
    plans,
    proofs,
    questions,
    reports,
    reviews,
    rules,
    service_levels,
    suppressions,
    telemetry,
    tenants,
    vulnerabilities,
)
from infra.cli.clocks import clocks
from infra.cli.demo.command import demo
from infra.cli.difference import diff
from infra.cli.hunts import hunt
from infra.cli.problems import Problem, report
from infra.cli.replay import replay
from infra.cli.seen import seen
from infra.cli.system import system_commands
from infra.cli.witness import witness

app = typer.Typer(
    name="tenet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Managed detection and response on one verifiable ledger per customer.",
)
SYSTEM, PROVIDER, WORK, CUSTOMER, PROOF = (
    "The system",
    "The provider",
    "The analysts' work",
    "With the customer",
    "What happened",
)
system_commands(app, panel=SYSTEM)
app.command(rich_help_panel=SYSTEM)(demo)
app.add_typer(operations.operations, name="operations", rich_help_panel=SYSTEM)
app.command(rich_help_panel=PROVIDER)(tenants.whoami)
app.add_typer(tenants.app, name="tenant", rich_help_panel=PROVIDER)
app.add_typer(access.principals, name="principal", rich_help_panel=PROVIDER)
app.add_typer(access.grants, name="grant", rich_help_panel=PROVIDER)
app.add_typer(access.keys, name="key", rich_help_panel=PROVIDER)
app.add_typer(access.issuers, name="issuer", rich_help_panel=PROVIDER)
app.add_typer(rules.rules, name="rules", rich_help_panel=PROVIDER)
app.add_typer(intelligence.app, name="intelligence", rich_help_panel=PROVIDER)
app.add_typer(vulnerabilities.app, name="vulnerability", rich_help_panel=PROVIDER)
app.add_typer(certifications.app, name="certification", rich_help_panel=PROVIDER)
app.add_typer(oncall.app, name="oncall", rich_help_panel=PROVIDER)
app.add_typer(handover.app, name="handover", rich_help_panel=PROVIDER)
app.add_typer(assets.assets, name="asset", rich_help_panel=WORK)
app.add_typer(assets.sensors, name="sensor", rich_help_panel=WORK)
app.command(rich_help_panel=WORK)(telemetry.ingest)
app.command(rich_help_panel=WORK)(detections.queue)
app.add_typer(detections.app, name="detection", rich_help_panel=WORK)
app.add_typer(intelligence.sightings, name="sighting", rich_help_panel=WORK)
app.add_typer(reviews.app, name="review", rich_help_panel=WORK)
app.add_typer(suppressions.app, name="suppression", rich_help_panel=WORK)
app.add_typer(suppressions.expected, name="expected", rich_help_panel=WORK)
app.command(rich_help_panel=WORK)(hunt)
app.command(rich_help_panel=WORK)(clocks)
app.add_typer(findings.app, name="finding", rich_help_panel=WORK)
cases.app.command("merge")(case_merging.merge)
cases.app.command("unmerge")(case_merging.unmerge)
cases.app.command("split")(case_merging.split)
cases.app.command("unlink")(case_merging.unlink)
cases.app.command("close-many")(case_merging.close_many)
cases.app.command("note-many")(case_merging.note_many)
cases.app.command("content")(case_work.content)
cases.app.command("scope")(case_work.scope)
cases.app.command("similar")(case_work.similar)
app.add_typer(cases.app, name="case", rich_help_panel=WORK)
app.add_typer(case_merging.suggestions, name="suggestion", rich_help_panel=WORK)
app.add_typer(case_work.tasks, name="task", rich_help_panel=WORK)
app.add_typer(case_work.observables, name="observable", rich_help_panel=WORK)
app.add_typer(case_work.evidence, name="evidence", rich_help_panel=WORK)
app.add_typer(plans.plans, name="plan", rich_help_panel=WORK)
app.add_typer(plans.actions, name="action", rich_help_panel=WORK)
app.add_typer(service_levels.app, name="sla", rich_help_panel=WORK)
app.add_typer(charters.app, name="charter", rich_help_panel=CUSTOMER)
app.add_typer(conversations.notices, name="notice", rich_help_panel=CUSTOMER)
app.add_typer(conversations.enquiries, name="enquiry", rich_help_panel=CUSTOMER)
app.add_typer(messages.app, name="message", rich_help_panel=CUSTOMER)
app.add_typer(questions.app, name="question", rich_help_panel=CUSTOMER)
app.add_typer(reports.app, name="report", rich_help_panel=CUSTOMER)
app.add_typer(ledger.app, name="ledger", rich_help_panel=PROOF)
app.add_typer(custody.app, name="custody", rich_help_panel=PROOF)
app.add_typer(operations.access, name="access", rich_help_panel=PROOF)
app.command(rich_help_panel=PROOF)(replay)
app.command(rich_help_panel=PROOF)(seen)
app.add_typer(audit.app, name="audit", rich_help_panel=PROOF)
app.add_typer(proofs.app, name="proof", rich_help_panel=PROOF)
app.command(rich_help_panel=PROOF)(proofs.receipt)
app.command(rich_help_panel=PROOF)(audit.verify)
app.command(rich_help_panel=PROOF)(diff)
app.command(rich_help_panel=PROOF)(witness)


def _unfold_help(of: typer.Typer) -> None:
    """Makes each paragraph of a docstring one line: those after the first would be folded where the source is, and then
    where the terminal ends.
    """
    for command in of.registered_commands:
        paragraphs = (inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = command.help or "\n\n".join(" ".join(paragraph.splitlines()) for paragraph in paragraphs)
    for group in of.registered_groups:
        if group.typer_instance is not None:
            _unfold_help(group.typer_instance)


_unfold_help(app)


def main() -> None:
    """Runs the command that the arguments name."""
    # What commands print is for programs and pipes; the log of what happens beside it is not.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app(prog_name="tenet")
    except Problem as problem:
        # Of what commands find before they call anything.
        report(problem.reason, problem.message, problem.hint)
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
