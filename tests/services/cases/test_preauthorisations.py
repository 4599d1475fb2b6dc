"""The book of pre-authorisations over the years: full of what stands, never full of what has long ended."""

from datetime import timedelta

import pytest

from services.cases.domain import commands as ask
from services.cases.domain import errors, preauthorisation
from tests.services.cases.plans import planned
from tests.services.cases.world import World


async def test_the_book_is_full_only_until_signatures_have_long_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preauthorisation, "MAX_PREAUTHORISATIONS", 2)
    digest = (await planned(world)).line.digest
    first = await world.preauthorise(digest, ["contain network"], ["office"], days=1)
    await world.preauthorise(digest, ["contain network"], ["servers"], days=300)
    with pytest.raises(errors.PreauthorisationInvalid, match="limit"):
        await world.preauthorise(digest, ["contain network"], ["office"])
    world.now += timedelta(days=1) + preauthorisation.REMEMBERED
    third = await world.preauthorise(digest, ["contain network"], ["office"])
    call = world.call("approver-one")
    for spent, known in ((first, False), (third, True)):
        revoke = world.make(ask.RevokePreauthorisation, call, preauthorisation_id=spent, reason="No more")
        if known:
            assert (await world.app.permitting.revoke_preauthorisation(call, revoke)).recorded
        else:
            with pytest.raises(errors.PreauthorisationUnknown):
                await world.app.permitting.revoke_preauthorisation(call, revoke)
    with pytest.raises(errors.PreauthorisationInvalid, match="limit"):
        await world.preauthorise(digest, ["contain network"], ["office"])
