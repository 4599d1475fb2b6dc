"""`tenet message …`: what was sent to people, and whether it was taken over."""

import typer
from tenet.cases.v1 import cases_messages_read_pb2 as read

from infra.cli.connection import As, Json, Server, TenantsOption, call
from infra.cli.output import show_json, show_table
from infra.cli.paging import every
from infra.cli.session import Session
from infra.cli.words import sealed, time_of, word

app = typer.Typer(no_args_is_help=True, help="Messages to contacts and to people on call.")


@app.command("list")
def list_messages(
    tenants: TenantsOption = None,
    about: str = typer.Option("", "--about", help="A notice's, an enquiry's or a page's identifier."),
    as_json: Json = False,
    who: As = "",
    server: Server = "",
) -> None:
    """Messages, the latest first. "Accepted" says that it was sent, not that it was read."""

    async def work(session: Session) -> None:
        request = read.ListMessagesRequest(tenant_ids=tenants, about_id=about or None)
        found = await every(session, request, read.ListMessagesResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("tenant", "about", "channel", "to", "status", "reason", "sent", "message!"),
            [
                (
                    m.tenant_id,
                    m.about,
                    m.channel,
                    sealed(m.address),
                    word(read.MessageStatus, m.status),
                    m.reason,
                    time_of(m.dispatched_at),
                    m.message_id,
                )
                for m in found.messages
            ],
            empty="No message.",
        )

    call(work, who, server)
