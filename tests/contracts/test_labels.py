"""TLP 2.0: a label says how far a thing may travel."""

import pytest

from contracts.labels import Audience, Label, may_see

FURTHEST = {
    Label.RED: Audience.INVESTIGATORS,
    Label.AMBER_STRICT: Audience.CUSTOMER,
    Label.AMBER: Audience.CUSTOMER_PARTNERS,
    Label.GREEN: Audience.COMMUNITY,
    Label.CLEAR: Audience.PUBLIC,
}


@pytest.mark.parametrize("label", Label)
@pytest.mark.parametrize("audience", Audience)
def test_a_label_lets_through_its_own_audience_and_every_narrower_one(label: Label, audience: Audience) -> None:
    order = list(Audience)
    assert may_see(label, audience) == (order.index(audience) <= order.index(FURTHEST[label]))
