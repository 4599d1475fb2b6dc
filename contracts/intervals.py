"""Intervals of shares, in integers only, so that every machine and every service gets the same."""

from math import isqrt

_Z_NUMERATOR, _Z_DENOMINATOR = 196, 100
"""The 97.5th percentile of the normal distribution, 1.96: intervals at 95 %."""


def wilson_permille(successes: int, trials: int) -> tuple[int, int]:
    """The Wilson score interval (Wilson 1927) of a share at 95 %, in permille, rounded outwards. `trials` > 0.

    With z = a/b: (2k + z² ∓ z·√(z² + 4k(n−k)/n)) / (2(n + z²)), all multiplied by b²·n to stay in integers.
    """
    a, b, k, n = _Z_NUMERATOR, _Z_DENOMINATOR, successes, trials
    # a·√(a²n² + 4b²kn(n−k)) is z·√(…) times b²n.
    radicand = a * a * (a * a * n * n + 4 * b * b * k * n * (n - k))
    centre, scale = n * (2 * k * b * b + a * a), 2 * n * (n * b * b + a * a)
    root = isqrt(radicand)
    rounded_up = root if root * root == radicand else root + 1
    low = 1_000 * (centre - rounded_up) // scale
    high = -(-1_000 * (centre + rounded_up) // scale)
    return max(0, low), min(1_000, high)
