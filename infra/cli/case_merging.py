"""`tenet case merge | unmerge | split | unlink | close-many | note-many`, and `tenet suggestion …`."""

from collections.abc import Iterable

import typer
from tenet.cases.v1 import cases_bulk_write_pb2 as bulk
from tenet.cases.v1 import cases_work_pb2 as pb
from tenet.cases.v1 import cases_work_read_pb2 as read
from tenet.cases.v1 import cases_work_write_pb2 as write
from tenet.common.v1 import common_pb2 as common

from infra.cli.as_of import At, position_of
from infra.cli.connection import As, Json, Server, TenantOption, TenantsOption, call, tenant
from infra.cli.output import say, show_json, show_table
from infra.cli.paging import every
from infra.cli.problems import UsageProblem
from infra.cli.session import Session
from infra.cli.words import label, sealed, value_of, value_or_none, word

suggestions = typer.Typer(no_args_is_help=True, help="Cases that look like parts of one attack: list, accept, decline.")
Identifier = typer.Argument(..., metavar="CASE", help="Its identifier, or the first six characters or more.")
Identifiers = typer.Argument(..., metavar="CASE...", help="At most 200 at once.")
Suggestion = typer.Argument(..., metavar="SUGGESTION", help="An identifier of `suggestion list`.")
Reason = typer.Option(..., "--reason", help="Why. Sealed.")


def merge(
    tenant_id: TenantOption,
    case_ids: list[str] = Identifiers,
    into: str = typer.Option(..., "--into", metavar="CASE", help="The open case that all of them are worked in then."),
    reason: str = Reason,
    who: As = "",
    server: Server = "",
) -> None:
    """Work cases in another one from here on; their plans fall."""

    async def work(session: Session) -> None:
        request = bulk.MergeCasesRequest(
            tenant_id=tenant(tenant_id), case_ids=case_ids, into_case_id=into, reason=reason
        )
        show_outcomes((await session.ask(request, bulk.MergeCasesResponse)).outcomes, "merged")

    call(work, who, server)


def unmerge(
    tenant_id: TenantOption,
    case_ids: list[str] = Identifiers,
    reason: str = Reason,
    who: As = "",
    server: Server = "",
) -> None:
    """Take merges back; each case is what it was, with its plan to be decided anew."""

    async def work(session: Session) -> None:
        request = bulk.UnmergeCasesRequest(tenant_id=tenant(tenant_id), case_ids=case_ids, reason=reason)
        show_outcomes((await session.ask(request, bulk.UnmergeCasesResponse)).outcomes, "taken back")

    call(work, who, server)


def split(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    subject_ids: list[str] = typer.Argument(
        ..., metavar="SUBJECT...", help="Detections, findings or customers' reports."
    ),
    title: str = typer.Option("", "--title", help="Of the new case. Sealed."),
    tlp: str = typer.Option("amber", "--tlp", help="The label under which it is shown."),
    reason: str = Reason,
    who: As = "",
    server: Server = "",
) -> None:
    """Move subjects of a case into a case of their own."""

    async def work(session: Session) -> None:
        request = write.SplitCaseRequest(
            tenant_id=tenant(tenant_id),
            case_id=case_id,
            subject_ids=subject_ids,
            title=title,
            label=label(tlp),
            reason=reason,
        )
        say((await session.ask(request, write.SplitCaseResponse)).case_id)

    call(work, who, server)


def unlink(
    tenant_id: TenantOption,
    case_id: str = Identifier,
    kind: str = typer.Argument(..., metavar="KIND", help="detection, finding or customer_report."),
    subject_id: str = typer.Argument(..., metavar="SUBJECT", help="A detection, a finding or a customer's report."),
    reason: str = Reason,
    who: As = "",
    server: Server = "",
) -> None:
    """Take a subject out of a case that rests on others as well."""

    async def work(session: Session) -> None:
        subject = common.SubjectRef(kind=value_of(common.SubjectKind, kind, what="kind"), id=subject_id)
        request = write.UnlinkSubjectRequest(
            tenant_id=tenant(tenant_id), case_id=case_id, subject=subject, reason=reason
        )
        await session.ask(request, write.UnlinkSubjectResponse)
        say("Unlinked.")

    call(work, who, server)


def close_many(
    tenant_id: TenantOption,
    case_ids: list[str] = Identifiers,
    outcome: str = typer.Option("resolved", "--outcome", help="resolved, risk_accepted or verdict_withdrawn."),
    root_cause: str = typer.Option(..., "--root-cause", help="Sealed."),
    lessons: str = typer.Option(..., "--lessons", help="Sealed."),
    recommendation: str = typer.Option("", "--recommendation", help="Sealed."),
    none_because: str = typer.Option("", "--no-recommendation", help="Or why there is none. Sealed."),
    cause_addressed: bool = typer.Option(False, "--cause-addressed", help="The underlying cause is dealt with."),
    who: As = "",
    server: Server = "",
) -> None:
    """Close cases with the same words; one that is refused keeps none of the others open."""

    async def work(session: Session) -> None:
        request = bulk.CloseCasesRequest(
            tenant_id=tenant(tenant_id),
            case_ids=case_ids,
            outcome=outcome,
            root_cause=root_cause,
            cause_addressed=cause_addressed,
            lessons=lessons,
            recommendation=recommendation,
            no_recommendation_reason=none_because,
        )
        show_outcomes((await session.ask(request, bulk.CloseCasesResponse)).outcomes, "closed")

    call(work, who, server)


def note_many(
    tenant_id: TenantOption,
    case_ids: list[str] = Identifiers,
    text: str = typer.Option(..., "--text", help="Sealed."),
    tlp: str = typer.Option("amber", "--tlp", help="The label under which it is shown."),
    who: As = "",
    server: Server = "",
) -> None:
    """Write the same note in several cases."""

    async def work(session: Session) -> None:
        request = bulk.AddNotesRequest(tenant_id=tenant(tenant_id), case_ids=case_ids, text=text, label=label(tlp))
        show_outcomes((await session.ask(request, bulk.AddNotesResponse)).outcomes, "noted")

    call(work, who, server)


@suggestions.command("list")
def list_suggestions(
    tenants: TenantsOption = None,
    status: str = typer.Option("", "--status", help="suggested (when left out), accepted or declined."),
    case_id: str = typer.Option("", "--case", metavar="CASE", help="Only of this case."),
    at: At = "",
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Pairs of cases that look like one attack, the likeliest first, each with why."""

    async def work(session: Session) -> None:
        request = read.ListLinkSuggestionsRequest(
            tenant_ids=tenants,
            status=value_or_none(pb.SuggestionStatus, status, what="status"),
            case_id=case_id or None,
        )
        if at:
            if len(tenants or []) != 1:
                raise UsageProblem("A position belongs to one customer.", hint="name one with --tenant.")
            request.at_position = await position_of(session, (tenants or [])[0], at) or 0
        found = await every(session, request, read.ListLinkSuggestionsResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("score>", "case!", "with!", "because", "suggestion!"),
            [
                (s.score, s.case_id, s.with_case_id, "; ".join(_reason(each) for each in s.reasons), s.suggestion_id)
                for s in found.suggestions
            ],
            empty="No suggestion.",
        )

    call(work, who, server)


@suggestions.command("accept")
def accept(
    tenant_id: TenantOption,
    suggestion_id: str = Suggestion,
    reason: str = Reason,
    who: As = "",
    server: Server = "",
) -> None:
    """They are one attack: the later case is worked in the earlier one."""

    async def work(session: Session) -> None:
        request = write.AcceptLinkRequest(tenant_id=tenant(tenant_id), suggestion_id=suggestion_id, reason=reason)
        say((await session.ask(request, write.AcceptLinkResponse)).case_id)

    call(work, who, server)


@suggestions.command("decline")
def decline(
    tenant_id: TenantOption,
    suggestion_id: str = Suggestion,
    reason: str = Reason,
    who: As = "",
    server: Server = "",
) -> None:
    """They are not; it is not suggested again."""

    async def work(session: Session) -> None:
        request = write.DeclineLinkRequest(tenant_id=tenant(tenant_id), suggestion_id=suggestion_id, reason=reason)
        await session.ask(request, write.DeclineLinkResponse)
        say("Declined.")

    call(work, who, server)


def show_outcomes(outcomes: Iterable[bulk.CaseOutcome], done: str) -> None:
    """How many were done, and each that was refused with its reason."""
    listed = list(outcomes)
    refused = [each for each in listed if not each.HasField("position")]
    say(f"{len(listed) - len(refused)} {done}, {len(refused)} refused.")
    for each in refused:
        say(f"  {each.case_id}: {each.refused_message} ({each.refused_reason})")


def _reason(reason: pb.JoiningReason) -> str:
    days = f"{reason.apart_seconds // 86_400} days apart" if reason.apart_seconds >= 86_400 else "within a day"
    shared = reason.asset_id or f"{word(pb.ObservableKind, reason.observable.kind)} {sealed(reason.observable.value)}"
    return f"{shared}, {days}"
