"""Events of those who sign rule packs, in the provider's ledger: whose signature counts, and for packs of which names.

The actor is who decided it. `verifier_key` is the public key with its name, as C2SP signed-note writes it:
`<name>+<key id>+<base64 of algorithm and Ed25519 key>`.
"""

from contracts.events.base import Event, Sealed, event


@event("tenet.detections.RulePublisherTrusted", category="rule_publisher")
class RulePublisherTrusted(Event):
    """From here on packs of these names are imported and deployed only with the signature of a key that is trusted for
    the name, of which this is one. `names`, sorted, take the place of those that the key was trusted for before."""

    verifier_key: str
    names: tuple[str, ...]
    reason: Sealed


@event("tenet.detections.RulePublisherDistrusted", category="rule_publisher")
class RulePublisherDistrusted(Event):
    """The key's signatures count no more. What it has signed and is at work goes on, until somebody replaces it.

    Its names still ask for a signature, so that losing a key opens no door, unless `names_released`: then those which
    no other key holds may be imported unsigned again.
    """

    verifier_key: str
    names_released: bool
    reason: Sealed
