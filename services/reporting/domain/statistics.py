"""The arithmetic of figures, in integers only, so that every machine gets the same bytes."""

from collections import Counter
from collections.abc import Sequence

_SCALE = 10**18
"""Survival shares are held as integers over this; rounding down is the same everywhere."""


def quantile(closed: Sequence[int], open_: Sequence[int], permille: int) -> int | None:
    """The Kaplan–Meier quantile of durations (Kaplan and Meier 1958): the shortest time by which `permille` have ended.

    `open_` are the lengths so far of what has not ended yet (right-censored). None when too little has ended to tell.
    Without open ones this is the empirical quantile.
    """
    remaining = len(closed) + len(open_)
    survival, limit = _SCALE, _SCALE * (1_000 - permille) // 1_000
    ended_at, left_at = Counter(closed), Counter(open_)
    for length in sorted(ended_at.keys() | left_at.keys()):
        ended = ended_at[length]
        if ended:
            survival = survival * (remaining - ended) // remaining
            if survival <= limit:
                return length
        remaining -= ended + left_at[length]
    return None
