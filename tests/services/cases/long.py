"""The invariant's state machine at length: `python -m tests.services.cases.long [examples]`, 5,000 if not told.

Exit code 1 where a sequence was found that breaks it; hypothesis prints the shortest one.
"""

import logging
import sys
import time

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings

from services.cases.application import delivery
from tests.services.cases.test_invariant import Responses

EXAMPLES = 5_000
STEPS = 80


def main() -> int:
    examples = int(sys.argv[1].replace("_", "")) if sys.argv[1:] else EXAMPLES
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    Responses.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    began = time.perf_counter()
    with pytest.MonkeyPatch.context() as patch:
        # Receivers in memory answer at once; only the waiting between tries is left out.
        patch.setattr(delivery, "SEND_PAUSES_SECONDS", (0.0,))
        patch.setattr(delivery, "READ_PAUSES_SECONDS", (0.0,))
        try:
            Responses.TestCase("runTest").runTest()
        except AssertionError as error:
            print(error)
            return 1
    print(f"{examples:,} sequences of up to {STEPS} steps in {time.perf_counter() - began:.0f} s: none breaks it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
