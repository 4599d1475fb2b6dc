"""`tenet rules show`, `list`, `retire`, `reinstate`: what is known of single rules, and ending one for all tenants."""

import typer
from tenet.detections.v1 import detections_rules_admin_pb2 as admin
from tenet.detections.v1 import detections_rules_read_pb2 as read

from infra.cli.as_of import At, position_of
from infra.cli.connection import As, Json, Server, TenantsOption, call
from infra.cli.names import Names, names_for
from infra.cli.output import plain, say, show_json, show_pairs, show_table
from infra.cli.paging import MAX_ITEMS, every
from infra.cli.rule_exceptions import show_exceptions
from infra.cli.rule_publishers import signed_by
from infra.cli.session import Session
from infra.cli.words import sealed, time_of, value_of, word

RuleId = typer.Argument(..., metavar="RULE", help="The rule's id.")
Why = typer.Option(..., "--reason", help="Why. Sealed.")
PROVIDER = "provider"


def add_to(app: typer.Typer) -> None:
    app.command("show")(show)
    app.command("list")(list_rules)
    app.command("retire")(retire)
    app.command("reinstate")(reinstate)


def show(
    rule_id: str = RuleId,
    tenants: TenantsOption = None,
    text: bool = typer.Option(False, "--text", help="Print the rule's text, and nothing else."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """A rule's page: its source, its tests, what happened to it, how good it is, and who does without it.

    How good it is, is counted over the tenants whose verdicts you may see. --at is a position of the provider's ledger,
    or a time.
    """

    async def work(session: Session) -> None:
        request = read.GetRuleRequest(tenant_ids=tenants, rule_id=rule_id)
        if (position := await position_of(session, PROVIDER, at)) is not None:
            request.at_provider_position = position
        page = await session.ask(request, read.GetRuleResponse)
        if as_json:
            show_json(page)
        elif text:
            print(page.source.text, end="")
        else:
            _show_rule(page)
            _show_life(page, await names_for(session))
            if page.HasField("record"):
                _show_record(page)

    call(work, who, server)


def _show_rule(page: read.GetRuleResponse) -> None:
    rule, source = page.rule, page.source
    show_pairs(
        [
            ("rule", rule.title),
            ("id", rule.rule_id),
            ("state", f"{word(read.RuleState, rule.state)} since {time_of(rule.since)}"),
            ("level", rule.level),
            ("author", source.author or "not stated"),
            ("licence", source.license or "not stated"),
            ("written", source.written + (f", modified {source.modified}" if source.modified else "")),
            ("status", source.status),
            ("ATT&CK", ", ".join(source.techniques)),
            ("says", source.description),
            ("references", "\n".join(source.references)),
            ("false alarms", "\n".join(source.false_positives)),
            ("tests", _tests(rule)),
            ("from", _origin(source)),
            ("text", f"SHA-256 {rule.sha256} (--text prints it)"),
        ]
    )


def _origin(source: read.RuleSource) -> str:
    if not source.path:
        return "not recorded"
    of = f"{source.path} of pack {source.pack_name} {source.pack_sha256[:12]}"
    return f"{of}, {signed_by(source.pack_signer)}" if source.pack_name else of


def _tests(rule: read.Rule) -> str:
    if not rule.HasField("trial"):
        return "none in its text"
    failed = "".join(f"\n{each.name}: {each.reason}" for each in rule.trial.named)
    return f"{rule.trial.passed} hold, {rule.trial.failed} fail, run {time_of(rule.trial.tested_at)}{failed}"


def _show_life(page: read.GetRuleResponse, names: Names) -> None:
    show_table(
        ("when", "what", "text", "by", "why", "at>"),
        [
            (
                time_of(stage.recorded_at),
                word(read.RuleStageKind, stage.kind) + _outcome(stage),
                stage.sha256[:8],
                names.of(stage.principal_id),
                sealed(stage.reason) if stage.HasField("reason") else "",
                stage.position,
            )
            for stage in page.stages
        ],
        title=f"Life ({page.earlier_stages} earlier stages are in the ledger)" if page.earlier_stages else "Life",
        empty="Nothing is recorded of its life.",
    )


def _outcome(stage: read.RuleStage) -> str:
    if not stage.HasField("trial"):
        return ""
    return f": {stage.trial.passed} hold, {stage.trial.failed} fail"


def _show_record(page: read.GetRuleResponse) -> None:
    rows = [("all texts", page.record), ("this text", page.record_of_text)]
    show_table(
        ("record", "detections>", "true>", "false>", "other>", "open>", "precision, 95 % interval", "false share>"),
        [
            (
                name,
                record.detections,
                record.true_positives,
                record.false_positives,
                record.other_verdicts,
                record.undecided,
                _precision(record),
                _percent(1_000 - record.precision_permille) if record.HasField("precision_permille") else "",
            )
            for name, record in rows
        ],
    )
    if page.record.HasField("first_true_positive"):
        first = page.record.first_true_positive
        say(f"First true positive: {first.detection_id} of {first.tenant_id}, raised {time_of(first.raised_at)}.")
    if page.exceptions:
        show_exceptions(page.exceptions)
    if page.not_ready_tenant_ids:
        say(f"Not counted yet: {', '.join(page.not_ready_tenant_ids)}.")


def _precision(record: read.RuleRecord) -> str:
    if not record.HasField("precision_permille"):
        return "no true or false verdict yet"
    low, high = _percent(record.precision_low_permille), _percent(record.precision_high_permille)
    return f"{_percent(record.precision_permille)} ({low} to {high})"


def _percent(permille: int) -> str:
    return f"{permille // 10}.{permille % 10} %"


def list_rules(
    state: str = typer.Option("", "--state", help="researched, deployed or retired; left out, all."),
    failing: bool = typer.Option(False, "--failing", help="Only those that fail tests of their own."),
    limit: int = typer.Option(50, "--limit", min=1, max=MAX_ITEMS, help="At most so many."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Rules by where they stand: researched, deployed, retired."""

    async def work(session: Session) -> None:
        request = read.ListRulesRequest(failing_only=failing)
        if state:
            request.states.append(value_of(read.RuleState, state, what="state of a rule"))
        if (position := await position_of(session, PROVIDER, at)) is not None:
            request.at_provider_position = position
        found = await every(session, request, read.ListRulesResponse, limit=limit)
        if as_json:
            show_json(plain(found))
            return
        show_table(
            ("rule", "level", "state", "since", "tests", "id!"),
            [
                (
                    rule.title,
                    rule.level,
                    word(read.RuleState, rule.state),
                    time_of(rule.since),
                    f"{rule.trial.passed}/{rule.trial.passed + rule.trial.failed}" if rule.HasField("trial") else "",
                    rule.rule_id,
                )
                for rule in found.rules[:limit]
            ],
            empty="No such rule.",
        )

    call(work, who, server)


def retire(rule_id: str = RuleId, reason: str = Why, who: As = "", server: Server = "") -> None:
    """End a rule for all tenants, whichever pack brings it."""

    async def work(session: Session) -> None:
        await session.ask(admin.RetireRuleRequest(rule_id=rule_id, reason=reason), admin.RetireRuleResponse)
        say("Retired.")

    call(work, who, server)


def reinstate(rule_id: str = RuleId, reason: str = Why, who: As = "", server: Server = "") -> None:
    """Take a retired rule up again."""

    async def work(session: Session) -> None:
        await session.ask(admin.ReinstateRuleRequest(rule_id=rule_id, reason=reason), admin.ReinstateRuleResponse)
        say("Reinstated.")

    call(work, who, server)
