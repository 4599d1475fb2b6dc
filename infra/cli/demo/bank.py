"""The financial administrator: odd access. Ask first, over a way that the suspected account does not control."""

from datetime import UTC, datetime, timedelta

from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from infra.cli.demo.casework import Casework, Notice, claim, queue, validate
from infra.cli.demo.cast import BANK
from infra.cli.demo.on_call import answered
from infra.cli.demo.stage import Stage
from infra.cli.demo.telemetry import end_of_attack, send, sign_in, usual_day
from infra.cli.demo.world import agree_on_charter, furnish
from infra.cli.words import timestamp

TENANT = BANK.tenant_id
FOREIGN_ADDRESS = "203.0.113.45"
"""From the range that RFC 5737 keeps for documentation."""
ATTACK_SECONDS = 90


async def play(stage: Stage) -> Casework:
    stage.audience.title(
        "The financial administrator: access that nobody is used to",
        "NOTIFY: ask before touching, over a way that the suspect does not control",
    )
    await furnish(stage, BANK)
    await agree_on_charter(stage, BANK)
    stage.audience.line("bea", "approves the charter: locking out an administrator takes two people")
    detection_id = await _odd_access(stage)
    answer = await _asked(stage, detection_id)
    await validate(
        stage,
        TENANT,
        detection_id,
        common.VERDICT_MALICIOUS,
        "Ben did not expect it and was not signed in; the address has no history with the firm.",
        evidence=[common.EvidenceInput(label=common.LABEL_AMBER, summary="Ben's answer by phone.", position=answer)],
    )
    stage.audience.line("ana", "validates: malicious; the answer is evidence for her verdict, not the verdict")
    case = await Casework.of_subject(stage, TENANT, detection_id)
    await answered(stage, case)
    await case.decide()
    await _told(stage, case)
    await _locked_out(stage, case)
    return case


async def _odd_access(stage: Stage) -> str:
    now = datetime.now(UTC)
    receipt = await send(stage, TENANT, [*usual_day(["ledger-db-01"], now, 40), *sign_ins(now)])
    stage.audience.line(
        BANK.sensor, f"sends {receipt.records} records; {receipt.raised} detection: five sign-ins, one group"
    )
    (item,) = await queue(stage, TENANT, 1)
    await claim(stage, TENANT, item.detection_id)
    return item.detection_id


def sign_ins(now: datetime) -> list[str]:
    """Five of the administrator's account, from an address that is not his."""
    end = end_of_attack(now, ATTACK_SECONDS)
    moments = (end - timedelta(seconds=ATTACK_SECONDS - 10 * number) for number in range(5))
    return [sign_in("ledger-db-01", "it-admin", FOREIGN_ADDRESS, moment) for moment in moments]


async def _asked(stage: Stage, detection_id: str) -> int:
    """Asks Ben whether he expected it. Returns the position of the answer."""

    def question(channel: str) -> write.SendEnquiryRequest:
        return write.SendEnquiryRequest(
            tenant_id=TENANT,
            detection_id=detection_id,
            recipient_principal_id=stage.principals["ben"],
            channel=channel,
            question=f"Your account signed in to ledger-db-01 from {FOREIGN_ADDRESS}. Did you expect this?",
            deadline=timestamp(datetime.now(UTC) + timedelta(minutes=30)),
            label=common.LABEL_AMBER,
        )

    await stage.refused(
        "ana",
        "asks Ben by mail, which the suspected account controls",
        "ENQUIRY_CHANNEL_SUSPECT",
        question("mail"),
        write.SendEnquiryResponse,
    )
    sent = await stage.ask("ana", question("phone"), write.SendEnquiryResponse)
    answer = write.AnswerEnquiryRequest(
        tenant_id=TENANT,
        enquiry_id=sent.enquiry_id,
        expected=False,
        comment="No. I am at my desk and did nothing there.",
    )
    position = (await stage.ask("ben", answer, write.AnswerEnquiryResponse)).position
    stage.audience.line("ben", "is asked by phone, and answers: no, that was not me")
    return position


async def _told(stage: Stage, case: Casework) -> None:
    notice = Notice(
        recipient="bea",
        channel="phone",
        what="Somebody signs in as your administrator from an address that is not his.",
        where="ledger-db-01, account it-admin",
        when="five times within the last minutes",
        options=("Lock the account until its credentials are replaced", "Watch it for another hour"),
        evidence="Five sign-in records, and Ben's answer.",
    )
    incomplete = case.notice(notice)
    incomplete.ClearField("options")
    incomplete.ClearField("deadline")
    await stage.refused(
        "ana",
        "sends Bea a notice without options and deadline",
        "NOTICE_INCOMPLETE",
        incomplete,
        write.SendNoticeResponse,
    )
    await case.tell(notice, "lock_out")
    await case.complete("tell-security-officer", "Bea was told by phone and wants the account locked.")
    stage.audience.line("bea", "gets the complete notice, and decides to lock the account")


async def _locked_out(stage: Stage, case: Casework) -> None:
    await case.complete("review-access", "Two systems that the account had not touched in thirty days.")
    await case.approve("bea", ["revoke-sessions-1"])
    await stage.refused(
        "bea",
        "approves the same step a second time, as her own second person",
        "SAME_PERSON",
        await case.approval(["revoke-sessions-1"]),
        write.ApprovePlanResponse,
    )
    await case.approve("bob")
    stage.audience.line("bob", "approves as the second person")
    locked = await case.dispatch("revoke-sessions-1")
    stage.audience.verified("it-admin cannot sign in: read back by another path")
    await case.complete("change-credentials", "New credentials, handed over in person; two rights removed.")
    await case.reverse(locked.action_id)
    await case.step("change-credentials", pb.STEP_STATUS_DONE)
    await case.close(
        "The administrator's password was the same as on a site that had lost it.",
        "Asking over the phone cost four minutes and told an insider from an intruder.",
        "A second factor for every administrator's sign-in from outside.",
    )
    stage.audience.line("ana", "sees new credentials in place, lets Ben in again (read back), closes the case")
