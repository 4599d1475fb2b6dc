"""What the database's superuser and the owner of the log's files change at random is detected, and located."""

import random

import pytest

from tests.tampering.ledgers import Ledgers
from tests.tampering.mutations import Tampering

ATTEMPTS = 300
"""The long form, `python -m tests.tampering.long`, makes 10,000."""


@pytest.mark.parametrize("ledgers", [200], indirect=True)
async def test_a_ledger_that_nobody_touched_is_without_findings(ledgers: Ledgers) -> None:
    checked = await ledgers.check()
    assert checked.findings.found == []
    assert checked.signed is not None
    assert checked.entries == checked.signed.size
    assert checked.entries > 256
    assert checked.openings > 150
    assert checked.erased > 5


@pytest.mark.parametrize("ledgers", [200], indirect=True)
async def test_whatever_is_changed_at_random_is_detected_and_the_first_place_of_it_named(ledgers: Ledgers) -> None:
    chance = random.Random(20261124)
    tampering, made = Tampering(ledgers, chance), 0
    while made < ATTEMPTS:
        attempt = await tampering.attempt(chance.choice([1, 1, 1, 1, 2]))
        if attempt is None:
            continue
        made += 1
        assert not attempt.missed(), (attempt.missed(), attempt.done, attempt.checked.findings.found[:5])
    assert (await ledgers.check()).findings.found == []
