"""T6: eight tenants replay at once, one floods, and the others are served as before.

The wanted bound, a move of their 95th percentile by less than a fifth, is measured by `python -m benchmarks.fairness`
and is not met yet (ADR 18). Here, beside other work, the bound is wide: it catches a flood that stops the others, not
one that slows them, and does not notice when the analysis thread's turns go by arrival instead of by tenant. That the
turns rotate is what `tests/services/detections/test_turns_and_quotas.py` shows, without any clock.
"""

import pytest

from benchmarks.fairness import measure
from benchmarks.intake_load import quantile
from tests.fixtures.running_system import running_system

ROUNDS = 2
STRETCH_SECONDS = 3.0
MOST = 8.0
NEVER_WORSE_THAN_SECONDS = 1.0
"""A machine that stalls for a moment must not fail the test by the ratio of two small numbers."""

pytestmark = pytest.mark.timeout(180)


async def test_a_flooding_tenant_does_not_slow_the_others() -> None:
    with running_system(TENET_TENANCY_INSECURE_ISSUERS="true") as system:
        outcome = await measure(system, ROUNDS, STRETCH_SECONDS)
    assert outcome.flood > 10_000, "the flood must be one"
    assert len(outcome.flooded) > 20
    p95 = quantile(outcome.flooded, 0.95)
    assert outcome.moved < MOST or p95 < NEVER_WORSE_THAN_SECONDS, f"moved by {outcome.moved:.1f} to {p95:.2f} s"
