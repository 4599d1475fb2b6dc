"""The executive's credentials: limit what they can change until the person was spoken to. The account stays."""

from datetime import UTC, datetime, timedelta

from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from infra.cli.demo.casework import Casework, Notice, claim, queue, validate
from infra.cli.demo.cast import HOLDING
from infra.cli.demo.on_call import answered
from infra.cli.demo.stage import Stage, StoryBroken
from infra.cli.demo.telemetry import end_of_attack, send, sign_in, usual_day
from infra.cli.demo.world import agree_on_charter, furnish, sign_beforehand

TENANT = HOLDING.tenant_id
FOREIGN_ADDRESS = "198.51.100.77"
ATTACK_SECONDS = 20
CAUSE = "The director signed in from a partner's office over a new line; nobody had told the watch."
LESSONS = "Cutting roles instead of the account kept the director's mail working in a negotiation."
ADVICE = "Tell the watch of the director's journeys beforehand; the chief of staff owns the list."


async def play(stage: Stage) -> Casework:
    stage.audience.title(
        "The executive's credentials, from an unusual place",
        "CONTAIN: limit what can be changed until legitimacy is verified",
    )
    await furnish(stage, HOLDING)
    digest = await agree_on_charter(stage, HOLDING)
    month = datetime.now(UTC) + timedelta(days=30)
    await sign_beforehand(stage, HOLDING, "hanna", ["set roles_reduced"], ["executives"], digest, month)
    stage.audience.line("hanna", "signs beforehand: an executive's roles may be cut, for a day at most")
    detection_id = await _from_an_unusual_place(stage)
    reason = "New country within an hour of the last sign-in, no second factor, exports started at once."
    await validate(stage, TENANT, detection_id, common.VERDICT_MALICIOUS, reason)
    stage.audience.line("ana", "validates: malicious; by the charter, plan and first step follow at once")
    case = await Casework.of_subject(stage, TENANT, detection_id)
    await answered(stage, case)
    cut = await case.automatic("reduce-roles-1")
    if cut.status != pb.ACTION_STATUS_VERIFIED:
        raise StoryBroken("the director's roles were not cut")
    ends = cut.expires_at.ToDatetime()
    stage.audience.verified(f"roles are cut, the account stays: read back; ends by {ends:%d %B %H:%M} UTC")
    await _spoken_to(stage, case)
    await _restored(stage, case, cut.action_id)
    return case


async def _from_an_unusual_place(stage: Stage) -> str:
    now = datetime.now(UTC)
    receipt = await send(stage, TENANT, [*usual_day(["mail-01"], now, 40), *sign_ins(now)])
    stage.audience.line(HOLDING.sensor, f"sends {receipt.records} records; {receipt.raised} detection")
    (item,) = await queue(stage, TENANT, 1)
    await claim(stage, TENANT, item.detection_id)
    return item.detection_id


def sign_ins(now: datetime) -> list[str]:
    """Three of the director's account, from an address that nobody expects."""
    end = end_of_attack(now, ATTACK_SECONDS)
    moments = (end - timedelta(seconds=ATTACK_SECONDS - number) for number in range(3))
    return [sign_in("mail-01", "managing-director", FOREIGN_ADDRESS, moment) for moment in moments]


async def _spoken_to(stage: Stage, case: Casework) -> None:
    await case.complete("raise-monitoring", "Followed for ten minutes: only mail was read.")
    notice = Notice(
        recipient="hugo",
        channel="phone",
        what="Your account was used from an unusual place; its roles are cut, reading mail goes on.",
        where=f"mail-01, from {FOREIGN_ADDRESS}",
        when="within the last minutes",
        options=("It was me: restore the roles", "It was not me: replace the credentials"),
        evidence="Three sign-in records.",
    )
    await case.tell(notice, "it_was_me")
    await case.complete("ask-the-director", "Hugo confirmed over the phone, on the number that the charter names.")
    stage.audience.line("hugo", "is called on the number in the charter: it was me, from a partner's office")


async def _restored(stage: Stage, case: Casework, cut: str) -> None:
    await stage.refused(
        "lena",
        "approves the last step in the customer's place",
        "NOT_A_CUSTOMERS_PERSON",
        await case.approval(),
        write.ApprovePlanResponse,
    )
    await stage.refused(
        "ana",
        "closes the case with its cause not addressed",
        "CAUSE_NOT_ADDRESSED",
        case.closing(CAUSE, LESSONS, ADVICE),
        write.CloseCaseResponse,
    )
    await case.approve("hanna")
    await case.reverse(cut)
    stage.audience.verified("roles are restored: read back by another path")
    await case.complete("address-credentials", "It was the director; roles restored and checked with him.")
    await case.close(CAUSE, LESSONS, ADVICE)
    stage.audience.line("ana", "closes the case with its cause, and the advice to announce journeys")
