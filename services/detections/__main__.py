"""`python -m services.detections serve`, and what rules do without a server: `match`, `test` and `check`."""

import argparse
import signal
import sys
from pathlib import Path

import structlog

from contracts.errors import TenetError
from infra.runtime.settings import Settings
from services.detections.application import line_files, rule_files, rule_matching, rule_regression
from services.detections.application.rule_cache import RuleCache
from services.detections.domain.inline_tests import try_rules
from services.detections.domain.sigma.packs import CompiledPack

OK, FAILED, USAGE = 0, 1, 2


def main(arguments: list[str]) -> int:
    if arguments[:1] not in (["match"], ["test"], ["check"]):
        return _serve()
    parser = argparse.ArgumentParser(prog="tenet rules")
    commands = parser.add_subparsers(dest="command", required=True)
    match = commands.add_parser("match")
    match.add_argument("--rules", type=Path, required=True)
    match.add_argument("--events", type=Path, required=True)
    test = commands.add_parser("test")
    test.add_argument("folder", type=Path)
    test.add_argument("--rules", type=Path, required=True)
    check = commands.add_parser("check")
    check.add_argument("rules", type=Path)
    chosen = parser.parse_args(arguments)
    # What this prints is for programs and pipes; the log of what happens beside it is not.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Whoever reads has enough, as with any other filter.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    cache = RuleCache(Settings.from_env().rule_cache_dir)
    try:
        if chosen.command == "match":
            return _match(chosen.rules, chosen.events, cache)
        if chosen.command == "check":
            return _check(chosen.rules, cache)
        return _test(chosen.folder, chosen.rules, cache)
    except (TenetError, OSError) as error:
        print(error, file=sys.stderr)
        return USAGE
    except line_files.BROKEN as error:
        sys.stdout.flush()
        print(f"The file cannot be read on: {str(error) or type(error).__name__}.", file=sys.stderr)
        return USAGE
    finally:
        cache.close()


def _serve() -> int:
    # What only the service needs takes longer to load than many a file takes to judge.
    from infra.hosting import run_service
    from services.detections.wiring import SERVICE, start

    return run_service(SERVICE, start)


def _match(rules: Path, events: Path, cache: RuleCache) -> int:
    """Prints a line for each match; on the standard error which rules do not run, and which lines are no records."""
    pack = rule_files.compiled(rules, cache)
    _name_failed(pack)
    for correlation in pack.correlations:
        print(f"{pack.paths[correlation.rule_id]}: It correlates, and lines are matched one by one.", file=sys.stderr)
    put_aside = rule_matching.PutAside()
    for number, rule_id in rule_matching.matches(pack.rules, events, put_aside, cache):
        sys.stdout.write(f"{number} {rule_id}\n")
    for number, reason in put_aside.named:
        print(f"line {number}: {reason}", file=sys.stderr)
    if put_aside.total > len(put_aside.named):
        print(f"… and {put_aside.total - len(put_aside.named)} more lines that are no records", file=sys.stderr)
    return OK


def _test(folder: Path, rules: Path, cache: RuleCache) -> int:
    """Prints a line for each pair, and says whether all of them hold."""
    pack = rule_files.compiled(rules, cache)
    _name_failed(pack)
    with rule_regression.unpacked(folder) as room:
        found = list(rule_regression.outcomes(room, pack))
        for each in found:
            name = Path(each.recording).relative_to(room)
            print(
                f"{'ok  ' if each.holds else 'FAIL'} {each.rule_id} {name}{f': {each.reason}' if each.reason else ''}"
            )
    held = sum(each.holds for each in found)
    print(f"{held} of {len(found)} pairs hold.")
    return OK if found and held == len(found) else FAILED


def _check(rules: Path, cache: RuleCache) -> int:
    """Prints a line for each rule that brings tests of its own, and says whether all rules run and all tests hold."""
    pack = rule_files.compiled(rules, cache)
    _name_failed(pack)
    trials = try_rules(pack.rules, pack.correlations, pack.tested)
    for trial in trials:
        print(f"{'FAIL' if trial.failed else 'ok  '} {trial.rule_id} {pack.paths[trial.rule_id]}")
        for name, reason in trial.failed:
            print(f"       {name}: {reason}")
    held, untested = sum(not trial.failed for trial in trials), len(pack.all_rules) - len(trials)
    print(f"{held} of {len(trials)} rules with tests of their own hold them; {untested} have none.")
    return OK if not pack.failed and held == len(trials) else FAILED


def _name_failed(pack: CompiledPack) -> None:
    for path, reason in pack.failed:
        print(f"{path}: {reason}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
