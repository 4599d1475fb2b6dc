"""A tenant's charter: a decision table that a person can read and compare, and that is approved over its digest.

The text is YAML without anchors; every scalar is read as the type that its place asks for, so nothing turns into a
number or a date by accident. The digest is the SHA-256 of the canonical JSON of what was read: comments and layout can
change without a new approval, meaning cannot.
"""

from collections.abc import Hashable, Sized
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from typing_extensions import override

from contracts.canonical import digest
from contracts.errors import FieldViolation
from contracts.events.assets import AssetClass
from contracts.events.cases import Authority, Mode, Priority, ResponseType
from contracts.zones import TimeZoneUnknown, zone_of
from services.cases.domain.errors import CharterInvalid
from services.cases.domain.repertoire import READ_BACK
from services.cases.domain.windows import Window

MAX_TEXT_LENGTH = 262_144
"""Longest charter, in characters."""
MAX_VIOLATIONS = 100
MAX_LIMIT_SECONDS = 30 * 86_400
FORMAT = 1
OWN_ACCOUNTS = "own_accounts"
"""In a channel's `relies_on`: the contact's own accounts."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Severity = Annotated[int, Field(ge=1, le=6)]
BusinessValue = Annotated[int, Field(ge=1, le=5)]
Minutes = Annotated[int, Field(ge=1, le=525_600)]
EventKind = Annotated[str, Field(pattern="^(detection|exposure|insecure_change|newcomer|customer_report)$")]
Technique = Annotated[str, Field(pattern=r"^T\d{4}(\.\d{3})?$")]


class Part(BaseModel):
    """A frozen part of a charter; unknown keys are errors, because a misspelt rule would be no rule."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Protected(Part):
    """A class that is never left to an attack, and the actions that are never done to it."""

    asset_class: AssetClass = Field(alias="class")
    forbid: tuple[str, ...] = ()


def _unsaid(value: Sized) -> bool:
    """What is not said is no part of the digest: charters approved before it could be said keep theirs."""
    return not value


def _unsaid_number(value: int | None) -> bool:
    return value is None


class Channel(Part):
    """A way to reach a contact. `relies_on`: external identifiers of what it depends on, or own_accounts.

    `via` is the messenger that brings messages by itself, `address` the contact as that messenger writes it; without
    `via` a person of the provider does it, by phone or in the portal.
    """

    channel: Name
    relies_on: tuple[str, ...] = ()
    via: Annotated[str, Field(pattern=r"^([a-z][a-z0-9-]{0,62})?$", exclude_if=_unsaid)] = ""
    address: Annotated[str, Field(max_length=320, exclude_if=_unsaid)] = ""


class Contact(Part):
    """A registered person of the customer, by principal; `accounts` are the external identifiers of their accounts."""

    contact: Name
    principal: Annotated[str, Field(max_length=64)]
    accounts: tuple[str, ...] = ()
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=10)]


class PriorityRule(Part):
    priority: Priority
    min_severity: Severity = 1
    min_value: BusinessValue = 1
    classes: tuple[AssetClass, ...] = ()


class Deadlines(Part):
    """Service objectives in minutes from the opening of a case, of a calendar's business time if one is named.

    A calendar that the tenant has not published counts every hour, so that a slip of the pen relaxes nothing.
    """

    acknowledge_minutes: Minutes
    decide_minutes: Minutes
    contain_minutes: Minutes
    resolve_minutes: Minutes
    notify_minutes: Annotated[Minutes | None, Field(exclude_if=_unsaid_number)] = None
    calendar: Annotated[str, Field(pattern=r"^([a-z][a-z0-9-]{0,62})?$", exclude_if=_unsaid)] = ""


class Approvals(Part):
    """How long an approval holds, and the authentication context classes that it needs (any when empty)."""

    valid_minutes: Minutes = 240
    acr: tuple[str, ...] = ()


class When(Part):
    """A line's condition. What is left out does not limit; lists match when any of the case's assets is in them."""

    kinds: tuple[EventKind, ...] = ()
    techniques: tuple[Technique, ...] = ()
    min_severity: Severity = 1
    min_confidence: Annotated[int, Field(ge=0, le=100)] = 0
    classes: tuple[AssetClass, ...] = ()
    groups: tuple[str, ...] = ()
    min_value: BusinessValue = 1
    during: tuple[Name, ...] = ()
    outside: tuple[Name, ...] = ()
    desired_outcome: tuple[Mode, ...] = ()


class StepRule(Part):
    """A step of a line. `do` is an action of the profile, `task` or `notify`; `on` says what it is done to."""

    id: Name
    type: ResponseType
    do: Annotated[str, Field(max_length=129)]
    task: str = Field(default="", max_length=800)
    on: Annotated[str, Field(pattern="^(devices|accounts|case)$")] = "case"
    groups: tuple[str, ...] = ()
    authority: Authority
    connector: Name = "person"
    after: tuple[Name, ...] = ()
    reason: Annotated[str, Field(min_length=1, max_length=400)]
    verify_by: Name = READ_BACK
    limit_seconds: Annotated[int, Field(ge=1, le=MAX_LIMIT_SECONDS)] | None = None
    ring: Annotated[int, Field(ge=1, le=100)] | None = None
    window: Name | None = None
    without_evidence: str = Field(default="", max_length=2000)
    certification: Annotated[str, Field(pattern=r"^([a-z][a-z0-9-]{0,62})?$", exclude_if=_unsaid)] = ""
    """What the person has to be certified for who does the step, or has it done by a connector; empty: nothing."""


class Where(StrEnum):
    CASE = "case"
    OTHERS = "others"
    ANYWHERE = "anywhere"


class Tripwire(Part):
    """Activity that ends an observation by itself. What is left out does not limit.

    `where`: on the case's own assets, on others of the same tenant (it spreads), or anywhere in it.
    """

    name: Name
    techniques: tuple[Technique, ...] = ()
    min_severity: Severity = 1
    where: Where = Where.ANYWHERE


class Observe(Part):
    """What lets an attack go on for a while: an approver, tripwires, a deadline, the line that then stops it."""

    approver: Name
    scope: Text
    tripwires: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]
    deadline_minutes: Minutes
    then: Name


class Checklist(Part):
    """What has to be seen to before a case with such a subject is closed: each item becomes a task of the case.

    An item that does not apply is dropped, with the reason. What is left out does not limit.
    """

    id: Name
    kinds: tuple[EventKind, ...] = ()
    techniques: tuple[Technique, ...] = ()
    items: Annotated[tuple[Text, ...], Field(min_length=1, max_length=30)]


class Then(Part):
    mode: Mode
    automatic: bool = False
    """Decided by a policy as soon as the case is open; otherwise an analyst decides."""
    steps: Annotated[tuple[StepRule, ...], Field(min_length=1, max_length=50)]
    observe: Observe | None = None


class Line(Part):
    id: Name
    outcome: Text
    """What the business wants, in its own words."""
    when: When = When()
    then: Then

    def step(self, step_id: str) -> StepRule:
        return next(step for step in self.then.steps if step.id == step_id)


class Charter(Part):
    charter: int
    title: Text
    time_zone: str
    protected_classes: tuple[Protected, ...] = ()
    windows: Annotated[tuple[Window, ...], Field(max_length=100)] = ()
    contacts: Annotated[tuple[Contact, ...], Field(max_length=100)] = ()
    priorities: Annotated[tuple[PriorityRule, ...], Field(max_length=50)] = ()
    deadlines: dict[Priority, Deadlines] = {}
    tripwires: Annotated[tuple[Tripwire, ...], Field(max_length=50, exclude_if=_unsaid)] = ()
    """Those that are watched; a line may name others, which a person reports."""
    closing: Annotated[tuple[Checklist, ...], Field(max_length=50, exclude_if=_unsaid)] = ()
    approvals: Approvals = Approvals()
    lines: Annotated[tuple[Line, ...], Field(min_length=1, max_length=200)]

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            zone_of(value)
        except TimeZoneUnknown:
            raise ValueError("is not an IANA time zone") from None
        return value

    @model_validator(mode="after")
    def _format(self) -> Self:
        if self.charter != FORMAT:
            raise ValueError(f"format {self.charter} is not known; this program reads format {FORMAT}")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.time_zone)

    def line(self, line_id: str) -> Line | None:
        return next((line for line in self.lines if line.id == line_id), None)

    def tripwire(self, name: str) -> Tripwire | None:
        return next((tripwire for tripwire in self.tripwires if tripwire.name == name), None)

    def contact_of(self, principal_id: str) -> Contact | None:
        return next((contact for contact in self.contacts if contact.principal == principal_id), None)

    def protection(self, asset_class: AssetClass) -> Protected | None:
        return next((rule for rule in self.protected_classes if rule.asset_class is asset_class), None)


def charter_digest(charter: Charter) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    return digest(charter.model_dump(mode="json", by_alias=True))


def read_charter(text: str) -> Charter:
    """The charter that a YAML text says. Raises CharterInvalid with a violation for each place of wrong shape.

    Contradictions between places are found by `charter_check.contradictions`.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise _invalid((FieldViolation("", f"longer than {MAX_TEXT_LENGTH} characters"),))
    try:
        content = yaml.load(text, Loader=_PlainLoader)  # noqa: S506  # derives from BaseLoader, which makes only strings, lists and mappings.
    except (yaml.YAMLError, RecursionError) as error:
        raise _invalid((FieldViolation("", f"not readable as YAML: {_first_line(error)}"),)) from error
    try:
        return Charter.model_validate(content)
    except ValidationError as error:
        raise _invalid(tuple(_violation(item["loc"], item["msg"]) for item in error.errors())) from error


def _invalid(violations: tuple[FieldViolation, ...]) -> CharterInvalid:
    shown = violations[:MAX_VIOLATIONS]
    first = shown[0]
    return CharterInvalid(
        f"The charter is wrong in {len(violations)} place(s), first at {first.field or 'the top'}: {first.description}",
        violations=shown,
    )


def refuse(violations: tuple[FieldViolation, ...]) -> None:
    """Raises CharterInvalid when there is any violation."""
    if violations:
        raise _invalid(violations)


def _violation(location: tuple[int | str, ...], message: str) -> FieldViolation:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return FieldViolation(path.lstrip("."), message.removeprefix("Value error, "))


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


class _PlainLoader(yaml.BaseLoader):
    """Strings, lists and mappings only; neither anchors, which can grow a text without bound, nor repeated keys."""

    @override
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("anchors and aliases are not allowed")
        return super().compose_node(parent, index)

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if not isinstance(key, str) or keys.count(key) > 1:
                raise yaml.YAMLError(f"the key {key!r} stands twice or is not a text, {node.start_mark}")
        return super().construct_mapping(node, deep)
