"""Events of detection rules: in the provider's ledger what becomes of each, in a tenant's which of them it excepts.

Packs bring thousands of rules at once, so an event of the provider's ledger names many of them. One command records as
many of these events as its rules take; its actor is who did it, and `reason` why.
"""

from contracts.events.base import Event, Instant, Sealed, Value, event


class RuleText(Value):
    """A rule as a pack brings it. `sha256` is that of its text together with what of the pack changes its meaning;
    `path` is where it lies in the pack."""

    rule_id: str
    sha256: str
    title: str
    level: str
    path: str


@event("tenet.detections.RulesResearched", category="rule")
class RulesResearched(Event):
    """Rules that are new here, or that have another text than before: their authors' research, taken over with a pack.

    Nothing of it runs yet.
    """

    pack_id: str
    pack_sha256: str
    rules: tuple[RuleText, ...]
    reason: Sealed | None


class FailedTest(Value):
    name: str
    reason: str


class TriedRule(Value):
    """What came of the tests that stand within a rule's text. `named` are the first of those that failed."""

    rule_id: str
    sha256: str
    passed: int
    failed: int
    named: tuple[FailedTest, ...]


@event("tenet.detections.RulesTested", category="rule")
class RulesTested(Event):
    """The tests within the rules' own texts were run. A rule without tests is not named."""

    pack_id: str
    pack_sha256: str
    rules: tuple[TriedRule, ...]


class RuleVersion(Value):
    rule_id: str
    sha256: str


@event("tenet.detections.RulesDeployed", category="rule")
class RulesDeployed(Event):
    """A pack was put to work. `rules` begin to run for all tenants; none where everything ran before."""

    pack_id: str
    pack_sha256: str
    rules: tuple[RuleVersion, ...]
    reason: Sealed | None


class TunedRule(Value):
    """From here on `sha256` runs in place of `replaced_sha256`."""

    rule_id: str
    sha256: str
    replaced_sha256: str


@event("tenet.detections.RulesTuned", category="rule")
class RulesTuned(Event):
    """Rules that ran go on with another text, since the pack that was put to work brings it."""

    pack_id: str
    pack_sha256: str
    rules: tuple[TunedRule, ...]
    reason: Sealed | None


@event("tenet.detections.RulesDropped", category="rule")
class RulesDropped(Event):
    """Rules that ran and end, since no pack at work holds them any more."""

    pack_id: str
    pack_sha256: str
    rules: tuple[RuleVersion, ...]
    reason: Sealed | None


@event("tenet.detections.RuleRetired", category="rule")
class RuleRetired(Event):
    """Somebody ended the rule for all tenants. It stays out, whichever pack brings it, until it is reinstated."""

    rule_id: str
    sha256: str
    reason: Sealed


@event("tenet.detections.RuleReinstated", category="rule")
class RuleReinstated(Event):
    """The rule runs again, with the text of the pack at work that holds it."""

    rule_id: str
    sha256: str
    reason: Sealed


@event("tenet.detections.RuleExcepted", category="rule_exception")
class RuleExcepted(Event):
    """Matches of the rule raise nothing in this tenant until `expires_at`; then they do again by themselves.

    `sha256` is the text that ran when this was decided, `owner_id` the principal who answers for it.
    """

    exception_id: str
    rule_id: str
    sha256: str
    owner_id: str
    expires_at: Instant
    reason: Sealed


@event("tenet.detections.RuleExceptionRenewed", category="rule_exception")
class RuleExceptionRenewed(Event):
    """Another end, and another owner: who renews it answers for it from here on."""

    exception_id: str
    rule_id: str
    owner_id: str
    expires_at: Instant
    reason: Sealed


@event("tenet.detections.RuleExceptionEnded", category="rule_exception")
class RuleExceptionEnded(Event):
    """Before its time."""

    exception_id: str
    rule_id: str
    reason: Sealed


@event("tenet.detections.RuleDisabled", category="rule_exception")
class RuleDisabled(Event):
    """Matches of the rule raise nothing in this tenant until it is enabled, or `expires_at` where that is given."""

    exception_id: str
    rule_id: str
    sha256: str
    owner_id: str
    expires_at: Instant | None
    reason: Sealed


@event("tenet.detections.RuleEnabled", category="rule_exception")
class RuleEnabled(Event):
    """What had disabled the rule is over."""

    exception_id: str
    rule_id: str
    reason: Sealed


class ExceptedHits(Value):
    exception_id: str
    rule_id: str
    hits: int
    first_seen_at: Instant
    last_seen_at: Instant


@event("tenet.detections.ExceptedRulesMatched", category="telemetry")
class ExceptedRulesMatched(Event):
    """What of a batch raised nothing because the tenant excepts the rule, by exception."""

    batch_id: str
    sensor_id: str
    excepted: tuple[ExceptedHits, ...]
