"""Traffic Light Protocol 2.0 (FIRST): who may see a piece of evidence, a note or an indicator."""

from enum import StrEnum


class Label(StrEnum):
    RED = "TLP:RED"
    AMBER_STRICT = "TLP:AMBER+STRICT"
    AMBER = "TLP:AMBER"
    GREEN = "TLP:GREEN"
    CLEAR = "TLP:CLEAR"


class Audience(StrEnum):
    """Whom an answer, a notice, an export or a report is for, from the narrowest to the widest."""

    INVESTIGATORS = "investigators"
    """The provider's people who work on the tenant's cases."""
    CUSTOMER = "customer"
    """The organisation that the ledger is about."""
    CUSTOMER_PARTNERS = "customer_partners"
    """The organisation's own clients and suppliers, who need to know."""
    COMMUNITY = "community"
    PUBLIC = "public"


_WIDEST = {
    Label.RED: Audience.INVESTIGATORS,
    Label.AMBER_STRICT: Audience.CUSTOMER,
    Label.AMBER: Audience.CUSTOMER_PARTNERS,
    Label.GREEN: Audience.COMMUNITY,
    Label.CLEAR: Audience.PUBLIC,
}
_ORDER = list(Audience)


def may_see(label: Label, audience: Audience) -> bool:
    """Whether something under this label may be shown to this audience."""
    return _ORDER.index(audience) <= _ORDER.index(_WIDEST[label])
