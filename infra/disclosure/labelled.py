"""The Traffic Light Protocol label that covers a sealed field, and the audience that a caller belongs to."""

from collections.abc import Iterator

from contracts.calls import Call
from contracts.events.base import Event, Sealed, sealed_values
from contracts.ids import PROVIDER, TenantId
from contracts.labels import Audience, Label
from contracts.roles import Role

UNLABELLED = Label.AMBER_STRICT
"""What a sealed field without any label counts as: for the organisation that the ledger is about, and no further."""

INVESTIGATING = frozenset({Role.ANALYST, Role.LEAD, Role.ON_CALL, Role.SERVICE})
"""Roles in which the provider's people, and the processes that act for them, work on a tenant's cases."""


def labelled_values(event: Event) -> Iterator[tuple[Sealed, Label]]:
    """Every sealed field of an event, with the label of the innermost part around it that carries one."""
    for path, sealed in sealed_values(event):
        yield sealed, _label_at(event, path)


def audience_of(call: Call, tenant_id: TenantId, line: frozenset[TenantId]) -> Audience:
    """Whom an answer to this call is for. `line` is the tenant with the entities above it in its customer tree.

    `call.roles` are the caller's roles for the tenant. People of the provider without a part in the investigation
    (billing, auditors, administrators) see what the customer's organisation may see.
    """
    if call.actor.home_tenant_id == PROVIDER:
        return Audience.INVESTIGATORS if call.roles & INVESTIGATING else Audience.CUSTOMER
    if call.actor.home_tenant_id == tenant_id or call.actor.home_tenant_id in line:
        return Audience.CUSTOMER
    return Audience.CUSTOMER_PARTNERS


def _label_at(event: Event, path: str) -> Label:
    label = _label_of(event) or UNLABELLED
    current: object = event
    for step in path.strip("/").split("/"):
        current = current[int(step)] if isinstance(current, list | tuple) else getattr(current, step)
        label = _label_of(current) or label
    return label


def _label_of(value: object) -> Label | None:
    label = getattr(value, "label", None)
    return label if isinstance(label, Label) else None
