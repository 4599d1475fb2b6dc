"""Lists of several pages."""

from collections.abc import Iterable
from typing import Any, TypeVar

from google.protobuf.message import Message

from infra.cli.problems import Problem, hint_of
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


def one_of(items: Iterable[R], field: str, identifier: str, *, reason: str) -> R:
    """The item of that identifier, for things that are only listed. Raises Problem, for `reason`, where none has it."""
    found = next((item for item in items if getattr(item, field) == identifier), None)
    if found is None:
        raise Problem(reason, f"{identifier} is not there, or not for you to see.", hint=hint_of(reason))
    return found
