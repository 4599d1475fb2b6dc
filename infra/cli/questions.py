"""`tenet question …`: what customers ask, who answers, and how long it takes."""

import typer
from tenet.cases.v1 import cases_people_pb2 as pb
from tenet.cases.v1 import cases_people_read_pb2 as read
from tenet.cases.v1 import cases_people_write_pb2 as write

from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_pairs, show_table
from infra.cli.paging import every, one_of
from infra.cli.session import Session
from infra.cli.words import label, moment, sealed, time_of, value_of, value_or_none, word

app = typer.Typer(no_args_is_help=True, help="Questions and changes, with the time that an answer takes.")

Text = typer.Argument(..., metavar="TEXT", help="Sealed.")


@app.command("ask")
def ask(
    tenant_id: TenantOption,
    text: str = Text,
    topic: str = typer.Option(..., "--topic", help="A topic that the provider answers."),
    kind: str = typer.Option("question", "--kind", help="question or change."),
    case_id: str = typer.Option("", "--case", metavar="CASE", help="What it is about."),
    tlp: str = typer.Option("amber", "--tlp", "--label", help="The label under which it is shown."),
    who: As = "",
    server: Server = "",
) -> None:
    """Asks a question, or for a change; it goes to a qualified person at once."""

    async def work(session: Session) -> None:
        request = write.AskQuestionRequest(
            tenant_id=tenant(tenant_id),
            kind=value_of(pb.QuestionKind, kind, what="kind"),
            topic=topic,
            case_id=case_id or None,
            text=text,
            label=label(tlp),
        )
        answer = await session.ask(request, write.AskQuestionResponse)
        say(f"{answer.question_id} is with {answer.principal_id} until {time_of(answer.deadline)}.")

    call(work, who, server)


@app.command("second-opinion")
def second_opinion(
    tenant_id: TenantOption,
    text: str = Text,
    topic: str = typer.Option(..., "--topic", help="A topic that the provider answers."),
    case_id: str = typer.Option("", "--case", metavar="CASE", help="What it is about."),
    detection_id: str = typer.Option("", "--detection", metavar="DETECTION", help="What it is about."),
    tlp: str = typer.Option("amber", "--tlp", "--label", help="The label under which it is shown."),
    who: As = "",
    server: Server = "",
) -> None:
    """Asks another of the provider's people about a case or a detection."""

    async def work(session: Session) -> None:
        request = write.AskSecondOpinionRequest(
            tenant_id=tenant(tenant_id),
            topic=topic,
            case_id=case_id or None,
            detection_id=detection_id or None,
            text=text,
            label=label(tlp),
        )
        answer = await session.ask(request, write.AskSecondOpinionResponse)
        say(f"{answer.question_id} is with {answer.principal_id} until {time_of(answer.deadline)}.")

    call(work, who, server)


@app.command("answer")
def answer_question(
    tenant_id: TenantOption,
    question_id: str = typer.Argument(..., metavar="QUESTION", help="An identifier of `question list`."),
    text: str = Text,
    tlp: str = typer.Option("amber", "--tlp", "--label", help="The label under which it is shown."),
    agrees: bool | None = typer.Option(None, "--agree/--disagree", help="For a second opinion."),
    who: As = "",
    server: Server = "",
) -> None:
    """Answers a question."""

    async def work(session: Session) -> None:
        request = write.AnswerQuestionRequest(
            tenant_id=tenant(tenant_id), question_id=question_id, text=text, label=label(tlp), agrees=agrees
        )
        answer = await session.ask(request, write.AnswerQuestionResponse)
        say("Answered late." if answer.late else "Answered in time.")

    call(work, who, server)


@app.command("list")
def list_questions(
    tenants: TenantsOption = None,
    status: str = typer.Option("", "--status", help="open, overdue or answered."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Questions, what is due first in front."""

    async def work(session: Session) -> None:
        wanted = value_or_none(pb.QuestionStatus, status, what="status")
        request = read.ListQuestionsRequest(tenant_ids=tenants, status=wanted)
        found = await every(session, request, read.ListQuestionsResponse)
        if as_json:
            show_json(found)
            return
        rows = [
            (
                each.tenant_id,
                each.topic,
                sealed(each.text),
                word(pb.QuestionStatus, each.status),
                time_of(each.deadline),
                each.question_id,
            )
            for each in found.questions
        ]
        head = ("tenant", "topic", "text", "status", "until", "question!")
        show_table(head, rows, empty="No question.")

    call(work, who, server)


@app.command("show")
def show(
    tenant_id: TenantOption,
    question_id: str = typer.Argument(..., metavar="QUESTION", help="An identifier of `question list`."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """One question: whom it is with, until when, and its answer."""

    async def work(session: Session) -> None:
        request = read.ListQuestionsRequest(tenant_ids=[tenant(tenant_id)])
        answer = await every(session, request, read.ListQuestionsResponse)
        found = one_of(answer.questions, "question_id", question_id, reason="QUESTION_UNKNOWN")
        if as_json:
            show_json(found)
            return
        qualified = "qualified then" if found.qualified else "a lead: nobody was qualified"
        show_pairs(
            [
                ("question", found.question_id),
                ("kind", f"{word(pb.QuestionKind, found.kind)} about {found.topic}"),
                ("text", sealed(found.text)),
                ("about", found.case_id or found.detection_id),
                ("status", word(pb.QuestionStatus, found.status)),
                ("with", f"{found.principal_id}, {qualified}"),
                ("asked", f"{time_of(found.asked_at)} at position {found.position}"),
                ("until", time_of(found.deadline)),
                ("answered", f"{time_of(found.answered_at)} by {found.answered_by}" if found.answered_by else ""),
                ("late", "yes" if found.late else ""),
                ("answer", sealed(found.answer)),
                ("agrees", found.agrees if found.HasField("agrees") else ""),
            ]
        )

    call(work, who, server)


@app.command("times")
def times(
    tenant_id: TenantOption,
    since: str = typer.Option(..., "--from", help="A time with its offset."),
    until: str = typer.Option("0s", "--to", help="Likewise; else now."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """How long answers took, of the questions asked in a time."""

    async def work(session: Session) -> None:
        request = read.GetAnswerTimesRequest(tenant_id=tenant(tenant_id), to=moment(until))
        getattr(request, "from").CopyFrom(moment(since))
        found = await session.ask(request, read.GetAnswerTimesResponse)
        if as_json:
            show_json(found)
            return
        took = (
            f"half within {found.p50_seconds} s, nine in ten within {found.p90_seconds} s, all in {found.max_seconds} s"
            if found.HasField("p50_seconds")
            else "no answer to measure"
        )
        say(
            f"{found.asked} asked, {found.answered} answered ({found.answered_in_time} in time), "
            f"{found.still_open} open, {found.breached} breached; {took}."
        )

    call(work, who, server)
