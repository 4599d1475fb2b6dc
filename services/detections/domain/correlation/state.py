"""What is remembered of one group."""

from services.detections.domain.correlation.hits import Hit

NEVER = -(1 << 62)
Value = str | float | tuple[str, ...] | None


class Group:
    """The hits of one group by time, oldest first, and which windows of them met the condition.

    `times`, `hits` and, where values are judged, `values` are parallel. `keys` and `seen` (times of hits) have a slot
    for each referenced rule where it matters which of them hit, else one. `low` is the first hit of the newest window
    and `counts` how often each value is in it. Times are in microseconds.
    """

    __slots__ = (
        "closed",
        "counts",
        "floor",
        "hits",
        "keys",
        "low",
        "newest",
        "room",
        "satisfied",
        "seen",
        "times",
        "values",
    )

    def __init__(self, slots: int, room: int) -> None:
        self.times: list[int] = []
        self.hits: list[Hit] = []
        self.values: list[Value] = []
        self.keys: list[set[bytes]] = [set() for _ in range(slots)]
        self.counts: dict[Value, int] = {}
        self.seen: list[list[int]] = [[] for _ in range(slots)]
        self.satisfied: list[int] = []
        """The ends of windows that met the condition."""
        self.newest = NEVER
        self.floor = NEVER
        """Hits up to here were dropped to make room, so that none at or before it is taken any more."""
        self.closed = NEVER
        self.low = 0
        self.room = room
