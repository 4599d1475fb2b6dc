"""The attacks of the demonstration, whenever it is played."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from infra.cli.demo import bank, clinic, holding
from services.detections.domain.grouping import window_of

MIDNIGHT = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "attack", [clinic.encryption, bank.sign_ins, holding.sign_ins], ids=["clinic", "bank", "holding"]
)
@pytest.mark.parametrize("seconds", [-1, 0, 1, 15, 29, 45, 89, 91, 3600])
def test_an_attack_is_one_group_of_a_day_however_close_to_midnight_it_is_played(
    attack: Callable[[datetime], list[str]], seconds: int
) -> None:
    now = MIDNIGHT + timedelta(seconds=seconds)
    times = [datetime.fromisoformat(json.loads(line)["UtcTime"] + "+00:00") for line in attack(now)]
    assert len({window_of(time) for time in times}) == 1
    assert all(now - timedelta(minutes=4) < time <= now for time in times)
