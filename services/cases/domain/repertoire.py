"""What connectors can be asked to do: Tenet's OpenC2 actuator profile, with each action's effect and its reverse.

The actions are those of the OpenC2 Language Specification v1.0, section 3.3.1.1; `argument` is this profile's own scope
of the action. Accounts are targets of the profile `x-tenet` (`x-tenet:account`), because the language has none and its
`device` or `email_addr` would say something else. `effect` is the key and value that the receiver's state shows when
the action works, which a read-back compares.
"""

from dataclasses import dataclass

from contracts.events.assets import AssetKind

PROFILE = "x-tenet"
PERSON = "person"
"""The connector of steps that a person does."""
TASK = "task"
NOTIFY = "notify"
READ_BACK = "read_back"


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that can be asked for. `active` ones the business feels; `destructive` ones end volatile evidence."""

    action: str
    argument: str
    account: bool
    """Whether the target is an account; devices and services otherwise."""
    effect: tuple[str, str]
    active: bool = True
    destructive: bool = False
    reverse: tuple[str, str] | None = None

    @property
    def key(self) -> str:
        return f"{self.action} {self.argument}"


_DEEDS = (
    Deed("contain", "network", False, ("network", "isolated"), reverse=("allow", "network")),
    Deed("allow", "network", False, ("network", "connected"), reverse=("contain", "network")),
    Deed("deny", "egress", False, ("egress", "denied"), reverse=("allow", "egress")),
    Deed("allow", "egress", False, ("egress", "allowed"), reverse=("deny", "egress")),
    Deed("deny", "service", False, ("service", "denied"), reverse=("allow", "service")),
    Deed("allow", "service", False, ("service", "allowed"), reverse=("deny", "service")),
    Deed("stop", "process", False, ("process", "stopped"), destructive=True),
    Deed("stop", "device", False, ("power", "off"), destructive=True, reverse=("start", "device")),
    Deed("start", "device", False, ("power", "on"), reverse=("stop", "device")),
    Deed("update", "patch", False, ("patch", "applied")),
    Deed(
        "set", "protection_raised", False, ("protection", "raised"), active=False, reverse=("set", "protection_normal")
    ),
    Deed("set", "protection_normal", False, ("protection", "normal"), active=False),
    Deed(
        "set", "monitoring_raised", False, ("monitoring", "raised"), active=False, reverse=("set", "monitoring_normal")
    ),
    Deed("set", "monitoring_normal", False, ("monitoring", "normal"), active=False),
    Deed("copy", "evidence", False, ("evidence", "kept"), active=False),
    Deed("query", "health", False, ("health", "good"), active=False),
    Deed("set", "roles_reduced", True, ("roles", "reduced"), reverse=("restore", "roles")),
    Deed("restore", "roles", True, ("roles", "full"), reverse=("set", "roles_reduced")),
    Deed("deny", "sign_in", True, ("sign_in", "denied"), reverse=("allow", "sign_in")),
    Deed("allow", "sign_in", True, ("sign_in", "allowed"), reverse=("deny", "sign_in")),
    Deed("cancel", "sessions", True, ("sessions", "revoked")),
)
DEEDS = {deed.key: deed for deed in _DEEDS}
EVIDENCE_KEEPING = frozenset({"copy evidence"})


def deed_of(action: str, argument: str) -> Deed | None:
    return DEEDS.get(f"{action} {argument}")


def fits(deed: Deed, kind: AssetKind) -> bool:
    """Whether the deed can be done to an asset of this kind."""
    return deed.account == (kind is AssetKind.ACCOUNT)


def reverse_of(deed: Deed) -> Deed | None:
    return DEEDS[" ".join(deed.reverse)] if deed.reverse else None
