"""A view to test with: cards on a board, which are put up, moved, tagged, due at times, and taken down."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, assert_never

from contracts.events.base import Event, Instant, Recorded, Value
from infra.read_database.reader.conditions import Condition, equal
from infra.read_database.views import DocumentView, Due

BOARD_TABLE = """
CREATE TABLE board (
    tenant_id text NOT NULL, build integer NOT NULL, key text NOT NULL,
    from_position bigint NOT NULL, to_position bigint, doc jsonb NOT NULL,
    lane text, points integer, put_up_at timestamptz, tags text[],
    PRIMARY KEY (tenant_id, build, key, from_position)
);
SELECT guard_view('board');
"""


class CardPutUp(Event):
    """Not registered: the closed registry holds Tenet's own events only."""

    TOPIC: ClassVar[str] = "test.CardPutUp"
    card: str
    lane: str | None = "new"
    points: int | None = 1


class CardMoved(Event):
    TOPIC: ClassVar[str] = "test.CardMoved"
    card: str
    lane: str | None


class CardTakenDown(Event):
    TOPIC: ClassVar[str] = "test.CardTakenDown"
    card: str


class LaneRenamed(Event):
    """Names no card: the view has to look the cards up."""

    TOPIC: ClassVar[str] = "test.LaneRenamed"
    old: str
    new: str


class LaneErased(Event):
    """Nobody may see any more that a card ever was there."""

    TOPIC: ClassVar[str] = "test.LaneErased"
    lane: str


class CardPromised(Event):
    TOPIC: ClassVar[str] = "test.CardPromised"
    card: str
    at: Instant | None


class Unrelated(Event):
    TOPIC: ClassVar[str] = "test.Unrelated"
    number: int = 0


class Poison(Event):
    """Decodes, but the view cannot fold it."""

    TOPIC: ClassVar[str] = "test.Poison"
    card: str


class Card(Value):
    lane: str | None
    points: int | None
    put_up_at: datetime
    moves: int = 0
    promised_at: datetime | None = None


class Board(DocumentView[Card]):
    NAME = "board"
    VERSION = 1
    TABLE = "board"
    TOPICS = frozenset({CardPutUp, CardMoved, CardTakenDown, LaneRenamed, CardPromised, Poison})
    ERASURES = frozenset({LaneErased})
    COLUMNS: ClassVar[Mapping[str, str]] = {
        "lane": "text",
        "points": "integer",
        "put_up_at": "timestamptz",
        "tags": "text[]",
    }
    DOCUMENT = Card

    def keys(self, recorded: Recorded[Any]) -> Sequence[str]:
        match recorded.event:
            case LaneRenamed():
                return ()
            case _:
                return [recorded.event.card]

    def lookups(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        match recorded.event:
            case LaneRenamed(old=old):
                return [equal("lane", old)]
            case _:
                return ()

    def rewritten(self, recorded: Recorded[Any]) -> Sequence[Condition]:
        return [equal("lane", recorded.event.lane)]

    def fold(self, key: str, document: Card | None, recorded: Recorded[Any]) -> Card | None:
        event: CardPutUp | CardMoved | CardTakenDown | LaneRenamed | LaneErased | CardPromised | Poison = recorded.event
        match event:
            case CardPutUp():
                return Card(lane=event.lane, points=event.points, put_up_at=recorded.recorded_at)
            case CardTakenDown():
                return None
            case Poison():
                raise ValueError("the view cannot take this")
            case CardMoved(lane=lane) | LaneRenamed(new=lane):
                return document and document.model_copy(update={"lane": lane, "moves": document.moves + 1})
            case LaneErased():
                # A card with points is kept without its lane.
                return document and (document.model_copy(update={"lane": None}) if document.points else None)
            case CardPromised(at=at):
                return document and document.model_copy(update={"promised_at": at})
            case _:
                assert_never(event)

    def columns(self, document: Card) -> Mapping[str, object]:
        return {
            "lane": document.lane,
            "points": document.points,
            "put_up_at": document.put_up_at,
            "tags": [f"lane:{document.lane}", f"moves:{document.moves}"],
        }

    def timers(self, key: str, document: Card) -> Sequence[Due]:
        if document.promised_at is None:
            return ()
        return [Due("remind", document.promised_at, {"card": key})]
