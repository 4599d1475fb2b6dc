"""`tenet suppression …` and `tenet expected …`: what is not raised for a time, and what is not asked about again."""

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from tenet.detections.v1 import detections_expected_read_pb2 as expected_read
from tenet.detections.v1 import detections_expected_write_pb2 as expected_write
from tenet.detections.v1 import detections_read_pb2 as detections_read
from tenet.detections.v1 import detections_suppressions_read_pb2 as read
from tenet.detections.v1 import detections_suppressions_write_pb2 as write

from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_table
from infra.cli.paging import every
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import moment, sealed, time_of, value_of, word

app = typer.Typer(no_args_is_help=True, help="Suppressions: what is counted and not raised, for a time.")
expected = typer.Typer(no_args_is_help=True, help="Expected behaviour: what is not asked about again.")
_SIGNS = (
    ("*=", read.CONDITION_OPERATOR_CONTAINS),
    ("^=", read.CONDITION_OPERATOR_STARTS_WITH),
    ("$=", read.CONDITION_OPERATOR_ENDS_WITH),
    ("@=", read.CONDITION_OPERATOR_NETWORK),
    ("=", read.CONDITION_OPERATOR_EQUALS),
)
Until = typer.Option(..., "--until", help="When it ends: a time, or a span such as 30d.")
Identifier = typer.Argument(..., metavar="ID", help="Its identifier, as the list shows it.")
Ended = typer.Option(False, "--ended", help="Also what is over, lifted or ended.")


def condition(text: str) -> write.SuppressionConditionInput:
    """`Image$=\\\\vssadmin.exe`: field, sign and value. The earliest sign counts. Raises UsageProblem."""
    found = [(text.find(sign), -len(sign), sign, operator) for sign, operator in _SIGNS if text.find(sign) > 0]
    if not found:
        raise UsageProblem(f"{text!r} is no condition.", hint="write FIELD=VALUE, or one of *= ^= $= @= (a network).")
    at, _, sign, operator = min(found)
    return write.SuppressionConditionInput(field=text[:at], operator=operator, value=text[at + len(sign) :])


@app.command("add")
def add(
    tenant_id: TenantOption,
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    until: str = Until,
    rule: str = typer.Option("", "--rule", help="The rule's id; left out, any rule."),
    conditions: list[str] = typer.Option(
        [],
        "--if",
        help="FIELD=VALUE, or with *= (contains), ^= (starts), $= (ends), @= (network). All of them are met. "
        "@host, @address and @account are where it happened. Sealed.",
    ),
    since: str = typer.Option("", "--from", help="Hide only what happened from this time on; left out, now."),
    who: As = "",
    server: Server = "",
) -> None:
    """Keep something from being raised. What it hides is counted; it ends by itself."""

    async def work(session: Session) -> None:
        request = write.AddSuppressionRequest(
            tenant_id=tenant(tenant_id),
            rule_id=rule or None,
            conditions=[condition(text) for text in conditions],
            starts_at=moment(since) if since else None,
            expires_at=moment(until),
            reason=reason,
        )
        answer = await session.ask(request, write.AddSuppressionResponse)
        say(answer.suppression_id)

    call(work, who, server)


@app.command("list")
def list_suppressions(
    tenants: TenantsOption = None,
    ended: bool = Ended,
    limit: int = typer.Option(50, "--limit", min=1, max=1000, help="At most so many."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """What is kept from being raised, and how much it has hidden."""

    async def work(session: Session) -> None:
        request = read.ListSuppressionsRequest(tenant_ids=tenants, include_ended=ended)
        found = await every(session, request, read.ListSuppressionsResponse, limit=limit)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "rule", "if", "until", "hidden>", "why", "state", "suppression!"),
            [
                (
                    each.tenant_id,
                    each.rule_id or "any",
                    ", ".join(_shown(item) for item in each.conditions),
                    time_of(each.expires_at),
                    each.hidden,
                    sealed(each.reason),
                    _state(each),
                    each.suppression_id,
                )
                for each in found.suppressions[:limit]
            ],
            empty="Nothing is suppressed.",
        )

    call(work, who, server)


def _shown(item: read.SuppressionCondition) -> str:
    sign = next(sign for sign, operator in _SIGNS if operator == item.operator)
    return f"{item.field}{sign}{sealed(item.value)}"


def _state(each: read.Suppression) -> str:
    if each.standing:
        return "standing"
    return "lifted" if each.HasField("lifted_position") else "over"


@app.command("lift")
def lift(
    tenant_id: TenantOption,
    suppression_id: str = Identifier,
    reason: str = typer.Option(..., "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """End it now."""

    async def work(session: Session) -> None:
        request = write.LiftSuppressionRequest(
            tenant_id=tenant(tenant_id), suppression_id=suppression_id, reason=reason
        )
        await session.ask(request, write.LiftSuppressionResponse)
        say("Lifted.")

    call(work, who, server)


@expected.command("remember")
def remember(
    tenant_id: TenantOption,
    detection_id: str = typer.Argument(
        ..., metavar="DETECTION", help="Its identifier, or the first six characters or more."
    ),
    until: str = Until,
    same: list[str] = typer.Option(
        [], "--same", help="host, address, account, source_address, …: what has to be the same. Left out: everything."
    ),
    who: As = "",
    server: Server = "",
) -> None:
    """After a verdict of benign_expected or authorised_test: do not ask about the same again."""

    async def work(session: Session) -> None:
        expires: Timestamp = moment(until)
        shown = await session.ask(
            detections_read.GetDetectionRequest(tenant_id=tenant(tenant_id), detection_id=detection_id),
            detections_read.GetDetectionResponse,
        )
        request = expected_write.RememberExpectedBehaviourRequest(
            tenant_id=tenant_id,
            detection_id=detection_id,
            validation_position=shown.detection.validation.position,
            parts=[value_of(expected_read.IdentityPart, part, what="part") for part in same],
            expires_at=expires,
        )
        answer = await session.ask(request, expected_write.RememberExpectedBehaviourResponse)
        say(answer.expected_behaviour_id)

    call(work, who, server)


@expected.command("list")
def list_expected(
    tenants: TenantsOption = None,
    ended: bool = Ended,
    limit: int = typer.Option(50, "--limit", min=1, max=1000, help="At most so many."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """What is expected, by which verdict, and how often it was seen again."""

    async def work(session: Session) -> None:
        request = expected_read.ListExpectedBehavioursRequest(tenant_ids=tenants, include_ended=ended)
        found = await every(session, request, expected_read.ListExpectedBehavioursResponse, limit=limit)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "rule", "same", "verdict at>", "until", "seen>", "state", "expected!"),
            [
                (
                    each.tenant_id,
                    each.rule.title,
                    ", ".join(word(expected_read.IdentityPart, part) for part in each.parts),
                    each.validation_position,
                    time_of(each.expires_at),
                    each.hits,
                    _standing(each),
                    each.expected_behaviour_id,
                )
                for each in found.expected_behaviours[:limit]
            ],
            empty="Nothing is expected.",
        )

    call(work, who, server)


def _standing(each: expected_read.ExpectedBehaviour) -> str:
    if each.standing:
        return "standing"
    if each.end:
        return each.end.replace("_", " ")
    return "waits for a second person" if each.privileged and not each.confirmed_by else "over"


@expected.command("confirm")
def confirm(tenant_id: TenantOption, identifier: str = Identifier, who: As = "", server: Server = "") -> None:
    """As the second person, for what concerns a privileged account."""

    async def work(session: Session) -> None:
        request = expected_write.ConfirmExpectedBehaviourRequest(
            tenant_id=tenant(tenant_id), expected_behaviour_id=identifier
        )
        await session.ask(request, expected_write.ConfirmExpectedBehaviourResponse)
        say("Confirmed.")

    call(work, who, server)


@expected.command("end")
def end(tenant_id: TenantOption, identifier: str = Identifier, who: As = "", server: Server = "") -> None:
    """Ask about it again from now on."""

    async def work(session: Session) -> None:
        request = expected_write.EndExpectedBehaviourRequest(
            tenant_id=tenant(tenant_id), expected_behaviour_id=identifier
        )
        await session.ask(request, expected_write.EndExpectedBehaviourResponse)
        say("Ended.")

    call(work, who, server)
