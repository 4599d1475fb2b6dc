"""Lists of several pages."""

from typing import Any, TypeVar

from google.protobuf.message import Message

from infra.cli.session import Session

R = TypeVar("R", bound=Message)

PAGE_SIZE = 200
MAX_ITEMS = 10_000
"""Most items that one command lists; whoever needs more asks for less at a time, or subscribes to the ledger."""


async def every(session: Session, request: Message, answer: type[R], *, limit: int = MAX_ITEMS) -> R:
    """All pages as one answer, up to about `limit` items. Raises RemoteError."""
    asked: Any = request
    asked.page.page_size = min(limit, PAGE_SIZE)
    whole: Any = await session.ask(request, answer)
    seen = PAGE_SIZE
    while whole.page.next_page_token and seen < limit:
        asked.page.page_token = whole.page.next_page_token
        following: Any = await session.ask(request, answer)
        whole.page.next_page_token = ""
        whole.MergeFrom(following)
        seen += PAGE_SIZE
    merged: R = whole
    return merged
