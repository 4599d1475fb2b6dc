"""`tenet charter test`: a charter tried on cases, without a server."""

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import FieldViolation
from services.cases.domain.charter import read_charter
from services.cases.domain.charter_cases import differences, read_cases
from services.cases.domain.charter_places import placed
from services.cases.domain.errors import CharterCasesInvalid
from tests.services.cases.charters import DIRECTORY, principal, text_of

CLINIC = """
cases:
  - name: a clinical device is being encrypted
    given:
      severity: 5
      techniques: [T1486]
      at: 2026-11-24T10:00:00
      assets: [{class: clinical, group: admission, value: 5}]
    expect:
      line: ransomware
      mode: stop
      precedence: protected_class
      priority: P1
      steps: [isolate, keep-evidence, stop-process, tell-clinic-it, rebuild]
      authority: {isolate: preauthorised, rebuild: customer}
  - name: an attack on a clinical device is never left to go on
    given:
      severity: 5
      techniques: [T1486]
      at: 2026-11-24T10:00:00
      assets: [{class: clinical}]
      desired_outcome: observe
    expect: {refused: PROTECTED_CLASS}
"""
RETAILER = """
cases:
  - name: an exposed ERP in the holiday freeze waits for the service window
    given:
      kind: exposure
      severity: 5
      at: 2026-12-01T12:00:00
      assets: [{class: revenue, group: shop, value: 5}]
    expect:
      precedence: freeze
      not_before: {patch: 2027-01-07T00:00:00}
"""


@pytest.mark.parametrize(("name", "cases"), [("clinic", CLINIC), ("retailer", RETAILER)])
def test_the_demonstrations_charters_make_of_cases_what_is_expected(name: str, cases: str) -> None:
    charter = read_charter(text_of(name))
    assert {case.name: differences(charter, case) for case in read_cases(cases)} == {
        case.name: [] for case in read_cases(cases)
    }


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (("line: ransomware", "line: other-attack"), "line: ransomware, expected other-attack"),
        (("mode: stop", "mode: observe"), "mode: stop, expected observe"),
        (("priority: P1", "priority: P4"), "priority: P1, expected P4"),
        (("isolate: preauthorised", "isolate: customer"), "authority of isolate-1: preauthorised, expected customer"),
        (("rebuild: customer", "nothing: customer"), "the plan has no step nothing"),
        (("techniques: [T1486]", "techniques: [T9999]"), "line: other-attack, expected ransomware"),
    ],
)
def test_what_comes_out_otherwise_is_named(change: tuple[str, str], difference: str) -> None:
    case = read_cases(CLINIC.replace(*change, 1))[0]
    assert difference in differences(read_charter(text_of("clinic")), case)


def test_a_refusal_that_was_not_expected_and_one_that_did_not_come_are_named() -> None:
    charter = read_charter(text_of("clinic"))
    first, second = read_cases(CLINIC.replace("expect: {refused: PROTECTED_CLASS}", "expect: {line: ransomware}"))
    assert differences(charter, first) == []
    assert differences(charter, second)[0].startswith("refused with PROTECTED_CLASS")
    (expected, _) = read_cases(CLINIC.replace("      line: ransomware\n", "      refused: PROTECTED_CLASS\n"))
    assert differences(charter, expected) == ["was not refused with PROTECTED_CLASS: line ransomware"]


@pytest.mark.parametrize(
    "text", ["", "cases: []", "cases: [{name: x}]", "a: [", "cases: [{name: x, given: {}, expect: {}}]"]
)
def test_a_file_that_is_no_list_of_cases_is_refused(text: str) -> None:
    with pytest.raises(CharterCasesInvalid):
        read_cases(text)


def test_what_is_wrong_is_named_with_its_line() -> None:
    text = "charter: 1\nlines:\n- id: a\n  then:\n    mode: stop\n    steps:\n    - id: x\n      do: nonsense\n"
    violations = (FieldViolation("lines[0].then.steps[0].do", "unknown"), FieldViolation("lines[0].outcome", "missing"))
    assert [each.description for each in placed(text, violations)] == ["line 8: unknown", "line 3: missing"]
    assert placed("a: [", violations) == violations


def tenet(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "infra.cli", "charter", "test", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_says_which_cases_fail_and_ends_with_it(tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text(CLINIC)
    word = f"clinic-it={principal('clinic-it')}"
    good = tenet(DIRECTORY / "clinic.yaml", cases, "--set", word)
    assert good.returncode == 0, good.stderr
    assert "2 of 2 cases come out as expected." in good.stdout
    cases.write_text(CLINIC.replace("priority: P1", "priority: P4"))
    bad = tenet(DIRECTORY / "clinic.yaml", cases, "--set", word)
    assert bad.returncode == 1
    assert "FAIL a clinical device is being encrypted\n       priority: P1, expected P4" in bad.stdout
    unready = tenet(DIRECTORY / "clinic.yaml", cases)
    assert unready.returncode == 2
    assert "contacts[0].principal: line 11: " in unready.stderr
