"""What is remembered of one group."""

from services.detections.domain.correlation.hits import GroupKey, Hit

NEVER = -(1 << 62)
NOTHING = -1
Value = str | float | tuple[str, ...] | None


class Group:
    """The hits of one group by time, oldest first, and which windows of them met the condition.

    `name` is what the hits are grouped by. `times`, `hits` and, where values are judged, `values` are parallel. `keys`
    and `seen` (times of hits) have a slot for each referenced rule where it matters which of them hit, else one. Times
    are in microseconds.

    What advancing knows: windows that begin at `sure` or before it, and end with the newest hit, meet the condition;
    none does before there are `enough` hits, or before the rule that is `lacking` has one. `latest` is when each value
    among the hits from `low` up to `counted` was there last.
    """

    __slots__ = (
        "closed",
        "counted",
        "enough",
        "floors",
        "hits",
        "keys",
        "lacking",
        "latest",
        "low",
        "name",
        "newest",
        "room",
        "satisfied",
        "seen",
        "sure",
        "times",
        "values",
    )

    def __init__(self, name: GroupKey, slots: int, room: int) -> None:
        self.name = name
        self.times: list[int] = []
        self.hits: list[Hit] = []
        self.values: list[Value] = []
        self.keys: list[set[bytes]] = [set() for _ in range(slots)]
        self.latest: dict[Value, int] = {}
        self.seen: list[list[int]] = [[] for _ in range(slots)]
        self.satisfied: list[int] = []
        """The ends of windows that met the condition."""
        self.newest = NEVER
        self.floors = [NEVER] * slots
        """Hits up to here were dropped to make room, so that none at or before it is taken any more, by slot."""
        self.closed = NEVER
        self.low = self.counted = self.enough = 0
        self.sure = NEVER
        self.lacking = NOTHING
        self.room = room
