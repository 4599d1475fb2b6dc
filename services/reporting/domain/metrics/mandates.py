"""By whose word we act: the charter in force, a version that waits for approval, and pre-authorisations with their
ends.
"""

from contracts.events.base import instant
from services.reporting.domain.chronicle import Chronicle
from services.reporting.domain.chronicle.mandates import Preauthorisation
from services.reporting.domain.figures import FigureMaker, Json


def figures(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    standing = [
        signed.signed.position
        for signed in chronicle.mandates.preauthorisations.values()
        if _state(signed, make) == "standing"
    ]
    approved = [charter.approved.position for charter in chronicle.mandates.charters.values() if charter.approved]
    return [
        make.count("mandates.preauthorisations", "mandates", "Pre-authorisations that stand", standing),
        make.count("mandates.charters", "mandates", "Charter versions approved", approved),
    ]


def rows(chronicle: Chronicle, make: FigureMaker) -> list[Json]:
    """The approved versions of the charter, latest first, what waits for approval, then the pre-authorisations."""
    charters: list[Json] = [
        {
            "kind": "charter",
            "id": charter.event.charter_id,
            "version": charter.event.charter_version,
            "digest": charter.event.digest,
            "state": "approved" if charter.approved else "proposed",
            "actor_id": charter.approved_by,
            "since": instant((charter.approved or charter.proposed).at),
            "source": make.sources.add(mark.position for mark in (charter.proposed, charter.approved) if mark),
        }
        for charter in reversed(chronicle.mandates.charters.values())
    ]
    return charters + [
        {
            "kind": "preauthorisation",
            "id": signed.event.preauthorisation_id,
            "actions": list(signed.event.actions),
            "groups": list(signed.event.groups),
            "state": _state(signed, make),
            "actor_id": signed.signed_by,
            "since": instant(signed.signed.at),
            "expires_at": instant(signed.event.expires_at),
            "source": make.sources.add(mark.position for mark in (signed.signed, signed.revoked) if mark),
        }
        for signed in chronicle.mandates.preauthorisations.values()
    ]


def _state(signed: Preauthorisation, make: FigureMaker) -> str:
    if signed.revoked:
        return "revoked"
    return "expired" if signed.event.expires_at <= make.as_of.at else "standing"
