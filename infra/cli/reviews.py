"""`tenet review …`: a drawn share of verdicts is judged again by somebody who does not see the first one."""

import typer
from tenet.common.v1 import common_pb2 as common
from tenet.detections.v1 import detections_pb2 as pb
from tenet.detections.v1 import detections_reviews_read_pb2 as read
from tenet.detections.v1 import detections_reviews_write_pb2 as write

from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_pairs, show_table
from infra.cli.paging import every
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import VERDICTS, moment, sealed, time_of, value_of, word

app = typer.Typer(
    no_args_is_help=True, help="Blind reviews: a share of verdicts is judged again, without sight of them."
)
Limit = typer.Option(50, "--limit", min=1, max=1000, help="At most so many.")


def _permille(text: str) -> int:
    """`5%`, `2.5%` in thousandths. Raises UsageProblem."""
    try:
        share = round(float(text.removesuffix("%")) * 10)
    except ValueError:
        share = -1
    if not 0 <= share <= 1000:
        raise UsageProblem(f"{text!r} is no share.", hint="write a number of per cent, such as 5%.")
    return share


def _percent(permille: int) -> str:
    return f"{permille / 10:g} %"


@app.command("share")
def share(
    tenant_id: TenantOption,
    percent: str = typer.Argument("", metavar="[SHARE]", help="Per cent of all verdicts; left out, shows what stands."),
    rules: list[str] = typer.Option([], "--rule", help="RULE_ID=SHARE: another share for a rule's detections."),
    reason: str = typer.Option("", "--reason", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Show or set which share of verdicts is drawn. Lots are drawn by a new seed that nobody is shown."""

    async def work(session: Session) -> None:
        if not percent:
            stands = await session.ask(
                read.GetBlindReviewShareRequest(tenant_id=tenant(tenant_id)), read.GetBlindReviewShareResponse
            )
            named = [(each.rule_id, _percent(each.share_permille)) for each in stands.rules]
            show_pairs([("share", _percent(stands.share_permille)), *named])
            return
        shares = []
        for text in rules:
            rule_id, sign, value = text.rpartition("=")
            if not sign:
                raise UsageProblem(f"{text!r} names no share.", hint="write RULE_ID=5%.")
            shares.append(read.BlindReviewRuleShare(rule_id=rule_id, share_permille=_permille(value)))
        request = write.SetBlindReviewShareRequest(
            tenant_id=tenant(tenant_id), share_permille=_permille(percent), rules=shares, reason=reason
        )
        answer = await session.ask(request, write.SetBlindReviewShareResponse)
        say(f"recorded at {answer.position}")

    call(work, who, server)


@app.command("queue")
def queue(
    tenants: TenantsOption = None, limit: int = Limit, as_json: Json = False, who: As = "", server: Server = ""
) -> None:
    """What waits for a second verdict that you may give, with its evidence and without the first verdict."""

    async def work(session: Session) -> None:
        request = read.ListBlindReviewQueueRequest(tenant_ids=tenants)
        found = await every(session, request, read.ListBlindReviewQueueResponse, limit=limit)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "drawn", "detection", "evidence", "review!"),
            [
                (
                    each.detection.tenant_id,
                    time_of(each.drawn_at),
                    sealed(each.detection.headline),
                    " · ".join(sealed(piece.summary) for piece in each.detection.evidence[:1]).replace("\n", " · ")[
                        :300
                    ],
                    each.review_id,
                )
                for each in found.items[:limit]
            ],
            empty="Nothing waits for you.",
        )

    call(work, who, server)


def _in_short(detection: pb.Detection) -> str:
    """The first piece of evidence in one line."""
    told = [sealed(piece.summary) for piece in detection.evidence[:1]]
    return " · ".join(line for text in told for line in text.splitlines())[:300]


@app.command("give")
def give(
    tenant_id: TenantOption,
    review_id: str = typer.Argument(..., metavar="ID", help="Its identifier, as the list shows it."),
    verdict: str = typer.Argument(..., metavar="VERDICT", help=f"One of {VERDICTS}."),
    confidence: int = typer.Option(..., "--confidence", min=0, max=100, help="Per cent."),
    rationale: str = typer.Option(..., "--rationale", help="Why. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """Give a second verdict. The first one stands as it does, whatever you say."""

    async def work(session: Session) -> None:
        request = write.GiveBlindReviewRequest(
            tenant_id=tenant(tenant_id),
            review_id=review_id,
            verdict=value_of(common.Verdict, verdict, what="verdict"),
            confidence_percent=confidence,
            rationale=rationale,
        )
        answer = await session.ask(request, write.GiveBlindReviewResponse)
        say("Both verdicts agree." if answer.agrees else "The first verdict was another one.")

    call(work, who, server)


@app.command("list")
def list_reviews(
    tenant_id: TenantOption, limit: int = Limit, as_json: Json = False, who: As = "", server: Server = ""
) -> None:
    """Second verdicts beside the first ones, the latest first."""

    async def work(session: Session) -> None:
        request = read.ListBlindReviewsRequest(tenant_id=tenant(tenant_id))
        found = await every(session, request, read.ListBlindReviewsResponse, limit=limit)
        if as_json:
            show_json(found)
            return
        show_table(
            ("given", "first", "second", "confidence>", "why", "detection!"),
            [
                (
                    time_of(each.given_at),
                    word(common.Verdict, each.first_verdict),
                    word(common.Verdict, each.verdict),
                    each.confidence_percent,
                    sealed(each.rationale),
                    each.detection_id,
                )
                for each in found.blind_reviews[:limit]
            ],
            empty="No second verdict was given yet.",
        )

    call(work, who, server)


@app.command("agreement")
def agreement(
    tenant_id: TenantOption,
    rule: str = typer.Option("", "--rule", help="Only detections of this rule."),
    since: str = typer.Option("", "--since", help="Only second verdicts from this time on."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """How far second verdicts agree with first ones."""

    async def work(session: Session) -> None:
        request = read.GetVerdictAgreementRequest(
            tenant_id=tenant(tenant_id), rule_id=rule, since=moment(since) if since else None
        )
        told = await session.ask(request, read.GetVerdictAgreementResponse)
        if as_json:
            show_json(told)
            return
        show_pairs(_agreement(told))
        show_table(
            ("first", "second", "count>"),
            [(word(common.Verdict, each.first), word(common.Verdict, each.second), each.count) for each in told.pairs],
        )

    call(work, who, server)


def _agreement(told: read.GetVerdictAgreementResponse) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = [("waiting", told.waiting), ("given", told.given), ("agreeing", told.agreeing)]
    if told.HasField("agreement_permille"):
        interval = f"{_percent(told.low_permille)} to {_percent(told.high_permille)}"
        pairs.append(("share", f"{_percent(told.agreement_permille)} (95 %: {interval})"))
    kappa = f"{told.kappa_permille / 1000:g}" if told.HasField("kappa_permille") else "cannot be told"
    return [*pairs, ("Cohen's kappa", kappa)]
