"""What goes wrong, as one readable line with the stable reason and a hint; exit code 1, or 2 for wrong usage."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import grpc
import typer
from rich.console import Console

from infra.grpc.status import RemoteError

T = TypeVar("T")
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
MAX_VIOLATIONS_SHOWN = 10


class Problem(Exception):
    """What a person can act on. `reason` is stable; `hint` says what to do."""

    def __init__(self, reason: str, message: str, *, hint: str = "", exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.reason, self.message, self.hint, self.exit_code = reason, message, hint, exit_code


class UsageProblem(Problem):
    """The command cannot be understood."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__("USAGE", message, hint=hint, exit_code=EXIT_USAGE)


LISTED_BY = {
    "ACTION": "action list",
    "ASSET": "asset list",
    "CASE": "case list",
    "CERTIFICATION": "certification list",
    "CHARTER_VERSION": "charter show",
    "CONTACT": "charter show",
    "DETECTION": "detection list",
    "ENQUIRY": "enquiry list",
    "ERASURE": "custody show",
    "EVIDENCE": "case content",
    "EXPECTED_BEHAVIOUR": "expected list",
    "FIGURE": "report show",
    "FINDING": "finding list --all",
    "GRANT": "grant list",
    "HANDOVER": "handover list",
    "HOLD": "custody show",
    "MESSAGE": "message list",
    "NOTICE": "notice list",
    "OBSERVABLE": "case content",
    "PAGE": "oncall pages",
    "PRINCIPAL": "principal list",
    "QUESTION": "question list",
    "REPORT": "report list",
    "ROTA": "oncall rotas",
    "RULE": "rules list",
    "RULE_PACK": "rules packs",
    "RULE_PUBLISHER": "rules publishers",
    "SENSOR": "sensor list",
    "SERVICE_LEVEL": "sla list",
    "STEP": "case show",
    "SUGGESTION": "suggestion list",
    "SUPPRESSION": "suppression list",
    "TASK": "task list",
}
"""The command that shows identifiers of a kind, for who named one that is not there."""
HINTS = {f"{kind}_UNKNOWN": f"./tenet {command} shows those that are there." for kind, command in LISTED_BY.items()} | {
    "CREDENTIAL_MISSING": "name yourself with --as NAME, or set TENET_TOKEN or TENET_API_KEY.",
    "CREDENTIAL_REFUSED": "./tenet principal list --as admin shows who is known.",
    "CREDENTIAL_EXPIRED": "get a new token or key.",
    "TENANT_UNKNOWN": "./tenet tenant list shows the tenants that you may see.",
    "ROLE_MISSING": "./tenet whoami shows your roles; an administrator grants further ones.",
    "NOT_VALIDATED": "an analyst validates first: ./tenet detection validate, or ./tenet finding validate.",
    "VALIDATION_WITHDRAWN": "look at the detection again, validate it, and decide the plan anew.",
    "APPROVAL_MISSING": "a person of the customer approves: ./tenet plan approve.",
    "APPROVAL_EXPIRED": "approve the plan again: ./tenet plan approve.",
    "SELF_APPROVAL": "another person has to approve.",
    "SAME_PERSON": "a second person has to approve.",
    "NOT_A_CUSTOMERS_PERSON": "a person of the customer has to give this word.",
    "PLAN_CHANGED": "look at it again: ./tenet case show.",
    "STEP_ORDER": "./tenet case show lists what each step waits for.",
    "RING_NOT_HEALTHY": "finish the earlier ring first: ./tenet case show.",
    "INVESTIGATE_ONLY": "./tenet case show says when each step may run.",
    "CHARTER_MISSING": "./tenet charter propose, then ./tenet charter approve by the customer.",
    "CAUSE_NOT_ADDRESSED": "finish the remediation steps, or close with --outcome risk_accepted.",
    "ACTIONS_OPEN": "./tenet action list shows which; verify or reverse it.",
    "ENQUIRY_CHANNEL_SUSPECT": "take a channel that does not depend on what is under suspicion.",
    "NOTICE_INCOMPLETE": "./tenet notice send --help names every field.",
    "ALREADY_CLAIMED": "./tenet detection show says who has it; that person gives it back: ./tenet detection release.",
    "ALREADY_VALIDATED": "./tenet detection withdraw, or ./tenet finding withdraw, takes the standing one back.",
    "RULE_PACK_UNSIGNED": "./tenet rules publishers shows whose signature it needs; name it with --signature.",
    "RULE_PACK_SIGNER_UNTRUSTED": "./tenet rules publishers shows who is trusted for which packs.",
    "FEED_UNDATED": "say it with --released, such as 2025-07-24T00:00:00Z.",
    "FETCH_KIND_UNKNOWN": "say it: --kind taxii, --kind misp-feed or --kind misp-server.",
    "CHARTER_LINE_MISSING": "./tenet charter show has the lines; the customer approves a charter with one for this.",
    "POSITION_BEYOND_HEAD": "./tenet ledger head shows where the ledger ends.",
    "CONNECTOR_UNHEALTHY": "./tenet status shows whether the receiver runs.",
}


def hint_of(reason: str) -> str:
    """What to do about a reason; empty where nothing general can be said."""
    return HINTS.get(reason, "")


def hint_for(error: RemoteError) -> str:
    if hint := hint_of(error.reason):
        return hint
    if error.code is grpc.StatusCode.UNAVAILABLE:
        return "./tenet status shows what runs; ./tenet up starts it."
    if error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return "it may have been done all the same; look before you repeat it."
    return ""


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a command's work; every failure that a person can act on ends the program with its line."""
    try:
        return asyncio.run(work())
    except RemoteError as error:
        report(error.reason or error.code.name, error.message or "no answer", hint_for(error), _places(error))
        raise typer.Exit(EXIT_FAILED) from None
    except Problem as problem:
        _end(problem)
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None


def report(reason: str, message: str, hint: str = "", places: tuple[str, ...] = ()) -> None:
    """Writes the problem to standard error."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    console.print(f"{reason}: {message}", style="red")
    for place in places:
        console.print(f"  {place}")
    if hint:
        console.print(f"  Hint: {hint}")


def _end(problem: Problem) -> NoReturn:
    report(problem.reason, problem.message, problem.hint)
    raise typer.Exit(problem.exit_code) from None


def _places(error: RemoteError) -> tuple[str, ...]:
    shown = error.violations[:MAX_VIOLATIONS_SHOWN]
    return tuple(f"{violation.field}: {violation.description}" for violation in shown)
