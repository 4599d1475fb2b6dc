"""`tenet notice …` and `tenet enquiry …`: telling the customer, and asking."""

import typer
from tenet.cases.v1 import cases_pb2 as pb
from tenet.cases.v1 import cases_read_pb2 as read
from tenet.cases.v1 import cases_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from infra.cli.as_of import At, position_of, position_of_one
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_pairs, show_table
from infra.cli.paging import every, one_of
from infra.cli.session import Session
from infra.cli.words import label, label_name, moment, sealed, time_of, word

notices = typer.Typer(no_args_is_help=True, help="Incident notices: complete, to a registered contact.")
enquiries = typer.Typer(no_args_is_help=True, help='Questions: "did you expect this?"')


@notices.command("send")
def send_notice(
    tenant_id: TenantOption,
    case_id: str = typer.Argument(..., metavar="CASE", help="Its identifier, or the first six characters or more."),
    to: str = typer.Option("", "--to", help="A contact's principal, as ./tenet charter show lists them."),
    channel: str = typer.Option("", "--channel", help="As registered in the charter: phone, portal, …"),
    what: str = typer.Option("", "--what", help="What has happened. Sealed."),
    where: str = typer.Option("", "--where", help="On which systems, or whose. Sealed."),
    when: str = typer.Option("", "--when", help="Since when, or from when to when. Sealed."),
    evidence: list[str] = typer.Option([], "--evidence", help="Repeat it for more."),
    options: list[str] = typer.Option([], "--option", help="What can be decided. Repeat it for more."),
    deadline: str = typer.Option("", "--deadline", help="A time, or a span such as 4h."),
    tlp: str = typer.Option("amber", "--tlp", help="The label under which it is shown."),
    who: As = "",
    server: Server = "",
) -> None:
    """Tell the customer. What is missing is named in the refusal."""

    async def work(session: Session) -> None:
        request = write.SendNoticeRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            recipient_principal_id=to,
            channel=channel,
            what=what,
            where=where,
            when=when,
            evidence=[common.EvidenceInput(label=label(tlp), summary=text) for text in evidence],
            options=options,
            deadline=moment(deadline) if deadline else None,
            label=label(tlp),
        )
        say((await session.ask(request, write.SendNoticeResponse)).notice_id)

    call(work, who, server)


@notices.command("acknowledge")
def acknowledge(
    tenant_id: TenantOption,
    notice_id: str = typer.Argument(..., metavar="NOTICE", help="An identifier of `notice list`."),
    decision: str = typer.Option(
        ..., "--decision", help="A short word for what is decided: ./tenet notice show lists the options."
    ),
    comment: str = typer.Option("", "--comment", help="Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """The recipient has read it, and decides."""

    async def work(session: Session) -> None:
        request = write.AcknowledgeNoticeRequest(
            tenant_id=tenant(tenant_id), notice_id=notice_id, decision=decision, comment=comment
        )
        await session.ask(request, write.AcknowledgeNoticeResponse)
        say("Acknowledged.")

    call(work, who, server)


@notices.command("list")
def list_notices(
    tenants: TenantsOption = None,
    case_id: str = typer.Option("", "--case", metavar="CASE", help="Only of this case."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Notices, the latest first."""

    async def work(session: Session) -> None:
        then = await position_of_one(session, tenants, at)
        request = read.ListNoticesRequest(tenant_ids=tenants, case_id=case_id or None, at_position=then)
        found = await every(session, request, read.ListNoticesResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "what", "status", "deadline", "decision", "notice!"),
            [
                (
                    n.tenant_id,
                    sealed(n.what),
                    word(pb.NoticeStatus, n.status),
                    time_of(n.deadline),
                    n.decision,
                    n.notice_id,
                )
                for n in found.notices
            ],
            empty="No notice.",
        )

    call(work, who, server)


@notices.command("show")
def show_notice(
    tenant_id: TenantOption,
    notice_id: str = typer.Argument(..., metavar="NOTICE", help="An identifier of `notice list`."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """One notice: what, where, when, on which evidence, and what can be decided until when."""

    async def work(session: Session) -> None:
        then = await position_of(session, tenant(tenant_id), at)
        request = read.ListNoticesRequest(tenant_ids=[tenant_id], at_position=then)
        answer = await every(session, request, read.ListNoticesResponse)
        found = one_of(answer.notices, "notice_id", notice_id, reason="NOTICE_UNKNOWN")
        if as_json:
            show_json(found)
            return
        show_pairs(
            [
                ("notice", found.notice_id),
                ("case", found.case_id),
                ("status", word(pb.NoticeStatus, found.status)),
                ("what", sealed(found.what)),
                ("where", sealed(found.where)),
                ("when", sealed(found.when)),
                *(("evidence", f"{label_name(item.label)} {sealed(item.summary)}") for item in found.evidence),
                *((f"option {number}", sealed(each)) for number, each in enumerate(found.options, start=1)),
                ("deadline", time_of(found.deadline)),
                ("to", f"{found.recipient_principal_id} by {found.channel}"),
                ("sent", f"{time_of(found.sent.recorded_at)} by {found.sent.actor.id}"),
                ("decision", found.decision),
                ("comment", sealed(found.comment)),
            ]
        )

    call(work, who, server)


@enquiries.command("send")
def send_enquiry(
    tenant_id: TenantOption,
    detection_id: str = typer.Argument(
        ..., metavar="DETECTION", help="Its identifier, or the first six characters or more."
    ),
    to: str = typer.Option(..., "--to", help="A contact's principal, as ./tenet charter show lists them."),
    channel: str = typer.Option(..., "--channel", help="One that does not depend on what is under suspicion."),
    question: str = typer.Option("Did you expect this?", "--question", help="Sealed."),
    deadline: str = typer.Option("30m", "--deadline", help="A time, or a span such as 30m; silence escalates."),
    tlp: str = typer.Option("amber", "--tlp", help="The label under which it is shown."),
    who: As = "",
    server: Server = "",
) -> None:
    """Ask a registered contact about a detection in triage."""

    async def work(session: Session) -> None:
        request = write.SendEnquiryRequest(
            tenant_id=tenant(tenant_id),
            detection_id=detection_id,
            recipient_principal_id=to,
            channel=channel,
            question=question,
            deadline=moment(deadline),
            label=label(tlp),
        )
        say((await session.ask(request, write.SendEnquiryResponse)).enquiry_id)

    call(work, who, server)


@enquiries.command("answer")
def answer(
    tenant_id: TenantOption,
    enquiry_id: str = typer.Argument(..., metavar="ENQUIRY", help="An identifier of `enquiry list`."),
    expected: bool = typer.Option(..., "--yes/--no", help="Whether you expected it."),
    comment: str = typer.Option(..., "--comment", help="In your own words. Sealed."),
    who: As = "",
    server: Server = "",
) -> None:
    """The recipient answers: evidence for an analyst's verdict, never a verdict."""

    async def work(session: Session) -> None:
        request = write.AnswerEnquiryRequest(
            tenant_id=tenant(tenant_id), enquiry_id=enquiry_id, expected=expected, comment=comment
        )
        await session.ask(request, write.AnswerEnquiryResponse)
        say("Answered.")

    call(work, who, server)


@enquiries.command("list")
def list_enquiries(
    tenants: TenantsOption = None, at: At = "", as_json: Json = False, who: As = "", server: Server = ""
) -> None:
    """Questions, the latest first."""

    async def work(session: Session) -> None:
        then = await position_of_one(session, tenants, at)
        request = read.ListEnquiriesRequest(tenant_ids=tenants, at_position=then)
        found = await every(session, request, read.ListEnquiriesResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "question", "status", "answer", "enquiry!"),
            [
                (e.tenant_id, sealed(e.question), word(pb.EnquiryStatus, e.status), sealed(e.comment), e.enquiry_id)
                for e in found.enquiries
            ],
            empty="No enquiry.",
        )

    call(work, who, server)
