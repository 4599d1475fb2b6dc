"""What one look at a source brought."""

from dataclasses import dataclass

from contracts.errors import TenetError
from services.detections.domain.intelligence.misp_polls import Seen


@dataclass(frozen=True, slots=True)
class Fetched:
    """`content` is all that is new as one document to import; where `is_news` is not so, there is nothing to import.

    `cursor` is where the next look begins; with MISP that is `seen`, which is too large for an event and is kept as an
    object. `published` are the events that the source still has, where it tells; what came in others is over. `refusal`
    is what kept some of it from being read, and `more` tells that the next look need not wait.
    """

    content: bytes
    is_news: bool
    cursor: str | None = None
    seen: Seen | None = None
    published: frozenset[str] | None = None
    refusal: TenetError | None = None
    more: bool = False
