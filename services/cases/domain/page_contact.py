"""How a person on call is reached: ways in the order of trying, each a messenger with the person's address there."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from contracts.canonical import digest
from contracts.errors import FieldViolation
from contracts.events.base import Fact, Recorded, Sealed
from contracts.events.messages import PageContactSet, PageWay
from contracts.ids import PROVIDER, derive_id, is_opaque_id
from services.cases.domain.people_commands import SetPageContact
from services.cases.domain.people_errors import NotYourContact, PageContactInvalid
from services.cases.domain.who import Who

MAX_WAYS = 8
MAX_CHANNEL = 63
MAX_ADDRESS = 254
"""Characters, which is as long as a mail address may be (RFC 5321)."""


@dataclass(frozen=True, slots=True)
class PageContact:
    ways: tuple[PageWay, ...] = ()
    digest: str = ""
    position: int = -1


def evolve_page_contact(state: PageContact, recorded: Recorded[PageContactSet]) -> PageContact:
    event = recorded.event
    match event:
        case PageContactSet():
            return replace(state, ways=event.ways, digest=event.digest, position=recorded.position)
        case _:
            assert_never(event)


def contact_id_of(principal_id: str) -> str:
    return derive_id("contact", principal_id)


def only_by(principal_id: str, asking_id: str, *, lead: bool) -> None:
    """Raises NotYourContact for anybody but the person and a lead."""
    if asking_id != principal_id and not lead:
        raise NotYourContact("How somebody is reached is for that person and the leads.")


def set_page_contact(command: SetPageContact, who: Who, messengers: Collection[str], *, lead: bool) -> PageContactSet:
    """`messengers` are those that the provider may use. Raises NotYourContact, PageContactInvalid."""
    only_by(command.principal_id, who.id, lead=lead)
    violations = tuple(_violations_of(command, messengers))
    if violations:
        raise PageContactInvalid(
            f"The contact is wrong in {len(violations)} place(s), first at {violations[0].field}.",
            violations=violations,
        )
    ways = tuple(
        PageWay(
            channel=way.channel, messenger=way.messenger, address=Sealed.of(way.address, subject=command.principal_id)
        )
        for way in command.ways
    )
    said = [command.principal_id, *([way.channel, way.messenger] for way in command.ways)]
    return PageContactSet(principal_id=command.principal_id, digest=digest(said), ways=ways)


def way_after(contact: PageContact, channel: str) -> PageWay | None:
    """The way to try after this channel, or the first one where it is empty; None where there is no further one."""
    if not channel:
        return contact.ways[0] if contact.ways else None
    names = [way.channel for way in contact.ways]
    following = contact.ways[names.index(channel) + 1 :] if channel in names else ()
    return following[0] if following else None


def way_named(contact: PageContact, channel: str, messenger: str) -> PageWay | None:
    """The way that a message was meant for; None where the person has changed it since."""
    return next((way for way in contact.ways if (way.channel, way.messenger) == (channel, messenger)), None)


def fact_of(contact: PageContact) -> Fact:
    """What a message rests on, in the provider's ledger."""
    return Fact("page_contact", contact.digest, PROVIDER, contact.position)


def _violations_of(command: SetPageContact, messengers: Collection[str]) -> Iterator[FieldViolation]:
    if not is_opaque_id(command.principal_id, "principal"):
        yield FieldViolation("principal_id", "is no principal's identifier")
    if len(command.ways) > MAX_WAYS:
        yield FieldViolation("ways", f"at most {MAX_WAYS}")
    names = [way.channel for way in command.ways]
    for index, way in enumerate(command.ways):
        path = f"ways[{index}]"
        if not 0 < len(way.channel) <= MAX_CHANNEL or names.index(way.channel) != index:
            yield FieldViolation(f"{path}.channel", f"a name of its own, at most {MAX_CHANNEL} characters long")
        if way.messenger not in messengers:
            yield FieldViolation(f"{path}.messenger", f"one of {', '.join(sorted(messengers)) or 'none configured'}")
        if len(way.address) > MAX_ADDRESS or not way.address.isprintable() or " " in way.address:
            yield FieldViolation(
                f"{path}.address", f"printable characters without spaces, at most {MAX_ADDRESS} of them"
            )
