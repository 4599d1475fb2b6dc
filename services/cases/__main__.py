"""`python -m services.cases serve`, and `charter-test`, which tries a charter on a file of cases without a server."""

import argparse
import sys
from pathlib import Path

from contracts.errors import TenetError
from infra.hosting import run_service
from services.cases.domain.charter import read_charter, refuse
from services.cases.domain.charter_cases import differences, read_cases
from services.cases.domain.charter_check import contradictions
from services.cases.domain.charter_places import placed
from services.cases.wiring import SERVICE, start

OK, FAILED, USAGE = 0, 1, 2


def main(arguments: list[str]) -> int:
    if arguments[:1] != ["charter-test"]:
        return run_service(SERVICE, start)
    parser = argparse.ArgumentParser(prog="tenet charter test")
    parser.add_argument("charter", type=Path)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="WORD=VALUE")
    chosen = parser.parse_args(arguments[1:])
    try:
        text = _with_words(chosen.charter.read_text(encoding="utf-8"), chosen.set)
        cases = chosen.cases.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return USAGE
    try:
        return _test(text, cases)
    except TenetError as error:
        print(f"{error.message} ({error.reason})", file=sys.stderr)
        for violation in placed(text, error.violations) if error.reason == "CHARTER_INVALID" else error.violations:
            print(f"  {violation.field}: {violation.description}", file=sys.stderr)
        return USAGE


def _test(text: str, cases: str) -> int:
    """Prints a line for each case, and says whether all of them come out as expected."""
    charter = read_charter(text)
    refuse(contradictions(charter))
    wrong = 0
    tried = read_cases(cases)
    for case in tried:
        found = differences(charter, case)
        wrong += bool(found)
        print(f"{'FAIL' if found else 'ok  '} {case.name}")
        for difference in found:
            print(f"       {difference}")
    print(f"{len(tried) - wrong} of {len(tried)} cases come out as expected.")
    return FAILED if wrong else OK


def _with_words(text: str, words: list[str]) -> str:
    """The text with its words (`@name`) replaced, as a charter's template has them."""
    for word in words:
        name, _, value = word.partition("=")
        text = text.replace(f"@{name}", value)
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
