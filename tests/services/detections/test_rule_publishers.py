"""Whose signature lets a rule pack in, without a database."""

from datetime import UTC, datetime

import pytest

from contracts.calls import Actor, AuthenticatedBy
from contracts.errors import TenetError
from contracts.events.base import Envelope, Event, Recorded
from contracts.events.detections import RulePackImported
from contracts.events.rule_publishers import RulePublisherDistrusted, RulePublisherTrusted
from contracts.ids import PROVIDER, StreamName
from services.detections.config import MAX_RULE_PUBLISHERS
from services.detections.domain import rule_pack, rule_publisher
from services.detections.domain.commands import DistrustRulePublisher, ImportRulePack, TrustRulePublisher
from services.detections.domain.rule_publisher import Publishers
from services.detections.domain.sigma.packs import CompiledPack, compile_texts

ANN, BEN = "ann.example+0a0b0c0d+AAAA", "ben.example+0e0f0a0b+BBBB"
RULE = b"""\
title: T
id: 7e1c1f1e-5a1b-4a53-9f2d-0b8f8e3b0001
logsource: {product: linux, service: sshd}
detection:
    words: [Invalid user]
    condition: words
"""


def recorded(event: Event, position: int = 0) -> Recorded[Event]:
    envelope = Envelope(
        id=f"event-{position}",
        tenant_id=PROVIDER,
        stream=StreamName("any"),
        version=position + 1,
        topic=event.TOPIC,
        schema_version=event.VERSION,
        occurred_at=datetime(2026, 11, 24, tzinfo=UTC),
        actor=Actor("ada", AuthenticatedBy.OIDC, PROVIDER),
        grant_id=None,
        correlation_id="",
        causation=None,
        trace_parent="",
        facts=(),
        request_key=None,
        request_digest=None,
    )
    return Recorded(position, envelope.occurred_at, envelope, event)


def trusting(key: str, *names: str, reason: str = "Ours.") -> TrustRulePublisher:
    return TrustRulePublisher(tenant_id=PROVIDER, request_id="request-1", verifier_key=key, names=names, reason=reason)


def distrusting(key: str, *, release: bool = False, reason: str = "Lost.") -> DistrustRulePublisher:
    return DistrustRulePublisher(
        tenant_id=PROVIDER, request_id="request-2", verifier_key=key, release_names=release, reason=reason
    )


def after(*commands: TrustRulePublisher | DistrustRulePublisher) -> Publishers:
    state = rule_publisher.initial()
    for command in commands:
        events: list[RulePublisherTrusted] | list[RulePublisherDistrusted] = (
            rule_publisher.trust(state, command)
            if isinstance(command, TrustRulePublisher)
            else rule_publisher.distrust(state, command)
        )
        for event in events:
            state = rule_publisher.evolve(state, recorded(event))  # type: ignore[arg-type]  # Events of the stream.
    return state


def reason_of(state: Publishers, name: str, *signed_by: str) -> str:
    with pytest.raises(TenetError) as refused:
        state.signer_for(name, signed_by or None)
    return refused.value.reason


def test_a_name_that_nobody_is_bound_to_comes_unsigned() -> None:
    assert after().signer_for("sigma", None) is None
    assert after(trusting(ANN, "own")).signer_for("sigma", None) is None
    assert reason_of(after(), "sigma", ANN) == "RULE_PACK_SIGNER_UNTRUSTED"


def test_a_bound_name_comes_only_with_a_signature_of_who_is_trusted_for_it() -> None:
    state = after(trusting(ANN, "own", "more"), trusting(BEN, "other"))
    assert state.signer_for("own", (ANN,)) == ANN
    assert state.signer_for("own", (BEN, ANN)) == ANN
    assert reason_of(state, "own") == "RULE_PACK_UNSIGNED"
    assert reason_of(state, "own", BEN) == "RULE_PACK_SIGNER_UNTRUSTED"
    assert state.signer_for("other", (BEN,)) == BEN


def test_distrusting_a_key_ends_its_word_and_opens_no_door_unless_its_names_are_released() -> None:
    lost = after(trusting(ANN, "own"), distrusting(ANN))
    assert reason_of(lost, "own", ANN) == "RULE_PACK_SIGNER_UNTRUSTED"
    assert reason_of(lost, "own") == "RULE_PACK_UNSIGNED"
    assert after(trusting(ANN, "own"), distrusting(ANN), trusting(BEN, "own")).signer_for("own", (BEN,)) == BEN
    released = after(trusting(ANN, "own"), distrusting(ANN), distrusting(ANN, release=True))
    assert released.signer_for("own", None) is None
    shared = after(trusting(ANN, "own"), trusting(BEN, "own"), distrusting(ANN, release=True))
    assert reason_of(shared, "own") == "RULE_PACK_UNSIGNED"
    assert after(trusting(ANN, "own"), distrusting(ANN), trusting(ANN, "own")).signer_for("own", (ANN,)) == ANN


def test_trusting_anew_replaces_the_names() -> None:
    state = after(trusting(ANN, "own"), trusting(ANN, "next"))
    assert state.signer_for("own", None) is None
    assert state.signer_for("next", (ANN,)) == ANN


def test_what_changes_nothing_is_recorded_once() -> None:
    state = after(trusting(ANN, "own", "more"))
    assert rule_publisher.trust(state, trusting(ANN, "more", "own", "own")) == []
    assert rule_publisher.distrust(after(trusting(ANN, "own"), distrusting(ANN)), distrusting(ANN)) == []


def test_decisions_need_a_reason_a_known_key_and_room() -> None:
    full = after(*(trusting(f"{number}", "own") for number in range(MAX_RULE_PUBLISHERS)))
    for decide, reason in (
        (lambda: rule_publisher.trust(after(), trusting(ANN, "own", reason=" ")), "RATIONALE_MISSING"),
        (lambda: rule_publisher.distrust(full, distrusting("1", reason=" ")), "RATIONALE_MISSING"),
        (lambda: rule_publisher.distrust(full, distrusting(ANN)), "RULE_PUBLISHER_UNKNOWN"),
        (lambda: rule_publisher.trust(full, trusting(ANN, "own")), "RULE_PUBLISHERS_TOO_MANY"),
    ):
        with pytest.raises(TenetError) as refused:
            decide()
        assert refused.value.reason == reason
    assert rule_publisher.trust(full, trusting("1", "another"))


def pack_of(*events: Event) -> rule_pack.RulePack:
    state = rule_pack.initial()
    for event in events:
        state = rule_pack.evolve(state, recorded(event))  # type: ignore[arg-type]  # Events of the stream.
    return state


def importing(state: rule_pack.RulePack, signer: str | None) -> list[RulePackImported]:
    compiled: CompiledPack = compile_texts([("a.yml", RULE)])
    command = ImportRulePack(
        tenant_id=PROVIDER,
        request_id="request-3",
        name="own",
        sha256="a" * 64,
        signature_sha256="b" * 64 if signer else "",
    )
    return rule_pack.import_pack(state, command, compiled, None, signer)


def test_the_same_pack_is_imported_again_only_with_a_signature_that_it_did_not_have() -> None:
    (first,) = importing(pack_of(), None)
    assert (first.signer, first.signature_sha256) == (None, None)
    assert importing(pack_of(first), None) == []
    (signed,) = importing(pack_of(first), ANN)
    assert (signed.pack_id, signed.signer, signed.signature_sha256) == (first.pack_id, ANN, "b" * 64)
    assert importing(pack_of(first, signed), ANN) == []
    assert importing(pack_of(first, signed), None) == []
    assert [each.signer for each in importing(pack_of(first, signed), BEN)] == [BEN]


def test_what_is_put_to_work_is_judged_by_who_is_trusted_now() -> None:
    (unsigned,) = importing(pack_of(), None)
    (signed,) = importing(pack_of(), ANN)
    bound = after(trusting(ANN, "own"))
    assert rule_pack.deploy(pack_of(unsigned), after())
    assert rule_pack.deploy(pack_of(signed), bound)
    for pack, publishers, reason in (
        (unsigned, bound, "RULE_PACK_UNSIGNED"),
        (signed, after(trusting(ANN, "own"), distrusting(ANN)), "RULE_PACK_SIGNER_UNTRUSTED"),
    ):
        with pytest.raises(TenetError) as refused:
            rule_pack.deploy(pack_of(pack), publishers)
        assert refused.value.reason == reason
