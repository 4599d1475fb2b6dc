import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from contracts.calls import Actor, AuthenticatedBy, Call
from contracts.commands import Command, command_digest
from contracts.errors import Conflict, FailedPrecondition, RequestIdReused, TenantUnknown
from contracts.events.base import Fact, Sealed
from contracts.events.tenancy import TenantOnboarded
from contracts.ids import PROVIDER, TenantId
from infra.event_store.handler import Unit
from infra.event_store.ledger import Ledger
from infra.event_store.limits import MAX_DECISIONS
from infra.event_store.openings import Erased
from infra.event_store.repository import Aggregate
from infra.event_store.request_digests import RequestDigests
from tests.infra.event_store.builders import THINGS, a_call, a_command, activated, onboarded, prepared

Work = Callable[[Unit], Awaitable[None]]


class AlreadyActive(FailedPrecondition):
    reason = "ALREADY_ACTIVE"


def activate_once(tenant_id: TenantId, identifier: str) -> Work:
    async def work(unit: Unit) -> None:
        thing = await unit.load(THINGS, identifier)
        if thing.version > 0:
            raise AlreadyActive("It is active.")
        unit.append(thing, [onboarded(tenant_id), activated(tenant_id)])

    return work


async def test_a_command_records_its_events_and_tells_their_position(ledger: Ledger, tenant: TenantId) -> None:
    call = a_call(tenant)
    done = await ledger.handler.handle(call, a_command(call), activate_once(tenant, "one"))
    assert (done.position, done.replayed, len(done.recorded)) == (1, False, 2)
    assert await ledger.feed.read(tenant, 0) == done.recorded
    first, second = (recorded.envelope for recorded in done.recorded)
    assert (first.stream, first.version, second.version) == ("tenant-one", 1, 2)
    assert first.request_key == call.request_key
    assert second.request_key is None


async def test_a_retried_request_gets_its_first_result_though_the_domain_would_refuse_it_now(
    ledger: Ledger, tenant: TenantId
) -> None:
    call = a_call(tenant)
    work = activate_once(tenant, "one")
    done = await ledger.handler.handle(call, a_command(call), work)
    other = a_call(tenant)
    await ledger.handler.handle(other, a_command(other), activate_once(tenant, "two"))
    again = await ledger.handler.handle(call, a_command(call), work)
    assert again.replayed
    assert (again.recorded, again.position) == (done.recorded, done.position)


async def test_a_retried_request_that_could_be_decided_again_gets_its_first_result_from_the_append(
    ledger: Ledger, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count(unit: Unit) -> None:
        unit.append(await unit.load(THINGS, "counter"), [activated(tenant)])

    async def no_look_up(*_: object) -> None:
        raise AssertionError("the request was looked up")

    call, other = a_call(tenant), a_call(tenant)
    with monkeypatch.context() as patched:
        patched.setattr(ledger.reads, "find_request", no_look_up)
        done = await ledger.handler.handle(call, a_command(call), count)
        await ledger.handler.handle(other, a_command(other), count)
        again = await ledger.handler.handle(call, a_command(call), count)
    assert again.replayed
    assert again.recorded == done.recorded
    with pytest.raises(RequestIdReused):
        await ledger.handler.handle(call, a_command(call, subject_id="subject-2"), count)
    assert await ledger.feed.head(tenant) == 2


async def test_a_retried_request_whose_values_were_erased_meanwhile_gets_its_first_result(
    ledger: Ledger, tenant: TenantId, open_ledger: Callable[[str], AbstractAsyncContextManager[Ledger]]
) -> None:
    async def work(unit: Unit) -> None:
        unit.append(await unit.load(THINGS, "one"), [onboarded(tenant, "Zoe", "subject-7")])

    call = a_call(tenant)
    done = await ledger.handler.handle(call, a_command(call), work)
    async with open_ledger("tenet_ledger") as eraser:
        await eraser.openings.erase(tenant, "subject-7")
    again = await ledger.handler.handle(call, a_command(call), work)
    assert again.replayed
    assert again.recorded == done.recorded
    assert await ledger.openings.count(tenant, "subject-7") == 0


async def test_the_same_request_at_the_same_time_has_one_effect_and_one_result(
    ledger: Ledger, tenant: TenantId
) -> None:
    call = a_call(tenant)
    work = activate_once(tenant, "one")
    results = await asyncio.gather(*(ledger.handler.handle(call, a_command(call), work) for _ in range(10)))
    assert all(result.recorded == results[0].recorded for result in results)
    assert await ledger.feed.head(tenant) == 2


async def test_a_request_id_with_another_command_is_refused(ledger: Ledger, tenant: TenantId) -> None:
    call = a_call(tenant)
    await ledger.handler.handle(call, a_command(call), activate_once(tenant, "one"))
    with pytest.raises(RequestIdReused):
        await ledger.handler.handle(call, a_command(call, subject_id="subject-2"), activate_once(tenant, "two"))


async def test_a_request_id_with_other_private_words_is_refused_whether_it_could_be_decided_again_or_not(
    ledger: Ledger, tenant: TenantId
) -> None:
    call = a_call(tenant)

    async def count(unit: Unit) -> None:
        unit.append(await unit.load(THINGS, "counter"), [activated(tenant)])

    for work in (activate_once(tenant, "one"), count):
        call = a_call(tenant)
        done = await ledger.handler.handle(call, a_command(call, name="Zoe"), work)
        with pytest.raises(RequestIdReused):
            await ledger.handler.handle(call, a_command(call, name="Ana"), work)
        again = await ledger.handler.handle(call, a_command(call, name="Zoe"), work)
        assert (again.replayed, again.recorded) == (True, done.recorded)


async def test_a_policys_request_is_known_whatever_it_says_in_private_the_second_time(
    ledger: Ledger, tenant: TenantId
) -> None:
    by_policy = Actor("policy:count", AuthenticatedBy.SERVICE, PROVIDER)
    call = replace(a_call(tenant), actor=by_policy)
    work = activate_once(tenant, "one")
    done = await ledger.handler.handle(call, a_command(call, name="refused: busy"), work)
    again = await ledger.handler.handle(call, a_command(call, name="refused: away"), work)
    assert (again.replayed, again.recorded) == (True, done.recorded)


async def test_a_request_recorded_before_private_words_counted_still_gets_its_first_result(
    ledger: Ledger, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = a_call(tenant)
    work = activate_once(tenant, "one")

    async def as_before(_digests: RequestDigests, _call: Call, command: Command) -> bytes:
        return bytes.fromhex(command_digest(command))

    with monkeypatch.context() as patched:
        patched.setattr(RequestDigests, "of", as_before)
        done = await ledger.handler.handle(call, a_command(call), work)
    again = await ledger.handler.handle(call, a_command(call), work)
    assert (again.replayed, again.recorded) == (True, done.recorded)


async def test_what_tells_requests_apart_cannot_be_guessed_from_the_ledger(ledger: Ledger, tenant: TenantId) -> None:
    work = activate_once(tenant, "one")
    call = a_call(tenant)
    done = await ledger.handler.handle(call, a_command(call, name="Zoe"), work)
    recorded = done.recorded[0].envelope.request_digest
    other = a_call(tenant)
    assert recorded not in (
        command_digest(a_command(call, name="Zoe")),
        (await ledger.handler._digests.of(other, a_command(other, name="Zoe"))).hex(),
    )


async def test_a_refusal_is_not_remembered(ledger: Ledger, tenant: TenantId) -> None:
    first, second = a_call(tenant), a_call(tenant)
    await ledger.handler.handle(first, a_command(first), activate_once(tenant, "one"))
    with pytest.raises(AlreadyActive):
        await ledger.handler.handle(second, a_command(second), activate_once(tenant, "one"))
    done = await ledger.handler.handle(second, a_command(second), activate_once(tenant, "two"))
    assert not done.replayed


async def test_a_conflict_is_decided_anew_on_the_new_state(ledger: Ledger, tenant: TenantId) -> None:
    async def count(unit: Unit) -> None:
        thing = await unit.load(THINGS, "counter")
        await asyncio.sleep(0)
        unit.append(thing, [activated(tenant)])

    calls = [a_call(tenant) for _ in range(4)]
    done = await asyncio.gather(*(ledger.handler.handle(call, a_command(call), count) for call in calls))
    assert sorted(result.recorded[0].envelope.version for result in done) == [1, 2, 3, 4]


async def test_a_command_that_always_loses_gives_up_with_conflict(ledger: Ledger, tenant: TenantId) -> None:
    decisions = 0

    async def lose(unit: Unit) -> None:
        nonlocal decisions
        decisions += 1
        thing = await unit.load(THINGS, "contended")
        await ledger.recorder.append(tenant, prepared(thing.stream, (thing.version + 1,), entry=_entry_of(thing)))
        unit.append(thing, [activated(tenant)])

    def _entry_of(thing: object) -> bytes:
        return _ENTRY.replace(b"VERSION", str(decisions).encode()).replace(b"TENANT", tenant.encode())

    call = a_call(tenant)
    with pytest.raises(Conflict):
        await ledger.handler.handle(call, a_command(call), lose)
    assert decisions == MAX_DECISIONS


_ENTRY = (
    b'{"actor":{"by":"oidc","home":"provider","id":"p"},"data":{"tenant_id":"TENANT"},"id":"event-1","occurred_at":'
    b'"2026-01-01T00:00:00.000000Z","schema":1,"stream":"tenant-contended","tenant":"TENANT",'
    b'"type":"tenet.tenancy.TenantActivated","version":VERSION}'
)


async def test_a_second_command_on_a_stream_reads_nothing_of_it_when_nobody_else_wrote(
    ledger: Ledger, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count(unit: Unit) -> None:
        unit.append(await unit.load(THINGS, "counter"), [activated(tenant)])

    first, second = a_call(tenant), a_call(tenant)
    await ledger.handler.handle(first, a_command(first), count)

    async def no_read(*_: object) -> None:
        raise AssertionError("the stream was read")

    monkeypatch.setattr(ledger.reads, "read_stream", no_read)
    done = await ledger.handler.handle(second, a_command(second), count)
    assert done.recorded[0].envelope.version == 2


async def test_what_another_process_wrote_since_is_decided_on_before_anything_is_recorded_refused_or_left(
    ledger: Ledger, tenant: TenantId, open_ledger: Callable[[str], AbstractAsyncContextManager[Ledger]]
) -> None:
    limit = 2

    async def up_to_the_limit(unit: Unit) -> None:
        thing = await unit.load(THINGS, "counter")
        if thing.version > limit:
            raise AlreadyActive("The limit is passed.")
        if thing.version < limit:
            unit.append(thing, [activated(tenant)])

    async def once_more(through: Ledger, work: Work) -> int:
        call = a_call(tenant)
        return len((await through.handler.handle(call, a_command(call), work)).recorded)

    async def add(unit: Unit) -> None:
        unit.append(await unit.load(THINGS, "counter"), [activated(tenant)])

    async with open_ledger("tenet_tenancy") as other_process:
        assert await once_more(ledger, up_to_the_limit) == 1
        assert await once_more(other_process, up_to_the_limit) == 1
        # This process remembers one event; the limit was reached meanwhile.
        assert await once_more(ledger, up_to_the_limit) == 0
        assert await once_more(other_process, add) == 1
        # This process remembers that there is nothing to do; by now it is refused.
        with pytest.raises(AlreadyActive):
            await once_more(ledger, up_to_the_limit)
        limit = 4
        assert await once_more(other_process, add) == 1
        limit = 5
        # The other process added one since this one last looked, and the refusal of a moment ago is over.
        assert await once_more(ledger, up_to_the_limit) == 1
    assert await ledger.feed.head(tenant) == 5


async def test_a_stream_that_is_only_looked_at_is_compared_with_the_ledger_before_the_append(
    ledger: Ledger, tenant: TenantId, open_ledger: Callable[[str], AbstractAsyncContextManager[Ledger]]
) -> None:
    seen = []

    async def look_and_count(unit: Unit) -> None:
        looked_at = await unit.load(THINGS, "other")
        seen.append(looked_at.version)
        unit.append(await unit.load(THINGS, "counter"), [activated(tenant)])

    async def add(unit: Unit) -> None:
        unit.append(await unit.load(THINGS, "other"), [activated(tenant)])

    async with open_ledger("tenet_tenancy") as other_process:
        for through, work in ((ledger, add), (ledger, look_and_count), (other_process, add), (ledger, look_and_count)):
            call = a_call(tenant)
            await through.handler.handle(call, a_command(call), work)
    assert (seen[0], seen[-1]) == (1, 2)


async def test_what_a_command_required_of_another_stream_is_checked_again_when_it_changed(
    ledger: Ledger, tenant: TenantId
) -> None:
    decided_on = []

    async def respond(unit: Unit) -> None:
        validation = await unit.load(THINGS, "validation")
        response = await unit.load(THINGS, "response")
        decided_on.append(validation.version)
        if len(decided_on) == 1:
            other = a_call(tenant)
            await ledger.handler.handle(other, a_command(other), activate_once(tenant, "validation"))
        unit.require(validation)
        unit.append(response, [activated(tenant)])

    call = a_call(tenant)
    await ledger.handler.handle(call, a_command(call), respond)
    assert decided_on == [0, 2]


async def test_a_command_with_nothing_to_do_tells_what_it_saw(ledger: Ledger, tenant: TenantId) -> None:
    async def look(unit: Unit) -> None:
        await unit.load(THINGS, "one")

    async def nothing(unit: Unit) -> None:
        return

    call = a_call(tenant)
    assert (await ledger.handler.handle(call, a_command(call), look)).position == -1
    await ledger.handler.handle(call, a_command(call), activate_once(tenant, "one"))
    for work in (look, nothing):
        other = a_call(tenant)
        done = await ledger.handler.handle(other, a_command(other), work)
        assert (done.recorded, done.position) == ([], 1)


async def test_facts_and_intervals_are_recorded_with_the_events(ledger: Ledger, tenant: TenantId) -> None:
    fact = Fact("rule_pack", "0" * 64, PROVIDER, 7)

    async def work(unit: Unit) -> None:
        unit.cite(fact)
        unit.append(await unit.load(THINGS, "one"), [activated(tenant)])

    call = a_call(tenant)
    await ledger.handler.handle(call, a_command(call), work)
    (recorded,) = await ledger.feed.read(tenant, 0)
    assert recorded.envelope.facts == (fact,)


async def test_an_event_of_another_category_is_a_programming_error(ledger: Ledger, tenant: TenantId) -> None:
    cases: Aggregate[None] = Aggregate("case", lambda: None, lambda state, _: state)

    async def work(unit: Unit) -> None:
        unit.append(await unit.load(cases, "one"), [activated(tenant)])

    call = a_call(tenant)
    with pytest.raises(ValueError, match="category"):
        await ledger.handler.handle(call, a_command(call), work)


async def test_an_unknown_tenant_is_told_so_whatever_the_command(ledger: Ledger) -> None:
    call = a_call(TenantId("nobody-there"))
    with pytest.raises(TenantUnknown):
        await ledger.handler.handle(call, a_command(call), activate_once(call.tenant_id, "one"))


async def test_no_plaintext_of_a_sealed_field_reaches_the_ledger_and_its_opening_opens_until_it_is_erased(
    ledger: Ledger, tenant: TenantId, open_ledger: Callable[[str], object]
) -> None:
    canary = f"Zoë {secrets.token_hex(8)} \U0001f510"

    async def work(unit: Unit) -> None:
        unit.append(await unit.load(THINGS, "one"), [onboarded(tenant, canary, "subject-7")])

    call = a_call(tenant)
    done = await ledger.handler.handle(call, a_command(call), work)
    event = done.recorded[0].event
    assert isinstance(event, TenantOnboarded)
    reference = event.display_name
    assert reference.plaintext is None
    assert canary not in repr(done)
    assert canary.encode() not in (await ledger.feed.read_entries(tenant, 0))[0].entry
    assert await ledger.openings.open(tenant, [reference]) == {reference: canary}

    async with open_ledger("tenet_ledger") as eraser:  # type: ignore[attr-defined]  # The fixture's own type is wider.
        assert await eraser.openings.erase(tenant, "subject-7") == 1
        assert await eraser.openings.open(tenant, [reference]) == {reference: Erased.ERASED}
    assert (await ledger.feed.read(tenant, 0))[0].event == event


async def test_a_reference_may_be_recorded_again_and_opens_to_what_was_sealed_first(
    ledger: Ledger, tenant: TenantId
) -> None:
    call = a_call(tenant)
    done = await ledger.handler.handle(call, a_command(call), activate_once(tenant, "one"))
    reference: Sealed = done.recorded[0].event.display_name

    async def copy(unit: Unit) -> None:
        event = onboarded(tenant).model_copy(update={"display_name": reference})
        unit.append(await unit.load(THINGS, "two"), [event])

    other = a_call(tenant)
    copied = await ledger.handler.handle(other, a_command(other), copy)
    assert copied.recorded[0].event.display_name == reference
    assert await ledger.openings.open(tenant, [copied.recorded[0].event.display_name]) == {reference: "Klinik am See"}
