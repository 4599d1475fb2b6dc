"""Signed rule packs through the public door: who may say whose signature counts, and what is let in by it."""

import hashlib
import uuid
from collections.abc import Awaitable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tenet.detections.v1 import detections_admin_pb2 as admin
from tenet.detections.v1 import detections_pb2 as pb
from tenet.detections.v1 import detections_read_pb2 as read
from tenet.detections.v1 import detections_rules_read_pb2 as rules_read
from tenet.detections.v1 import detections_rules_read_pb2_grpc as rules_read_grpc

from contracts.events.detections import RulePackImported
from contracts.ids import PROVIDER
from infra.grpc import Client, RemoteError
from infra.transparency.notes import COSIGNATURE_V1, Signer, parse_note
from infra.transparency.signed_packs import sign_pack
from services.detections.domain.sigma.packs import pack_of
from tests.fixtures.platform import request_id
from tests.services.detections.conftest import ROLE, Service, administers, reads

RULE = """\
title: Reads the Word
id: {rule_id}
logsource: {{product: linux, service: sshd}}
detection:
    words: ['{rule_id}']
    condition: words
"""


class Publisher:
    """Somebody with a key, and a pack of one rule under a name that no other test has."""

    def __init__(self) -> None:
        self.signer = Signer("rules.example", Ed25519PrivateKey.generate())
        self.key = self.signer.verifier.encode()
        self.name = f"pack-{uuid.uuid4().hex[:12]}"
        self.rule_id = str(uuid.uuid4())
        self.archive = pack_of({"one.yml": RULE.format(rule_id=self.rule_id).encode()})

    def signature(self, *, name: str = "", archive: bytes = b"") -> bytes:
        return sign_pack(self.signer, name or self.name, hashlib.sha256(archive or self.archive).hexdigest())


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
async def lead(service: Service) -> Client:
    _, client = await service.person(ROLE.ROLE_LEAD, PROVIDER)
    return client


async def trust(client: Client, publisher: Publisher, **more: Any) -> int:
    request = admin.TrustRulePublisherRequest(
        **{
            "request_id": request_id(),
            "verifier_key": publisher.key,
            "names": [publisher.name],
            "reason": "They are ours.",
            **more,
        }
    )
    return int((await client.call(administers(client).TrustRulePublisher, request)).position)


async def distrust(client: Client, publisher: Publisher, *, release: bool = False) -> int:
    request = admin.DistrustRulePublisherRequest(
        request_id=request_id(), verifier_key=publisher.key, release_names=release, reason="The key is lost."
    )
    return int((await client.call(administers(client).DistrustRulePublisher, request)).position)


async def take(client: Client, publisher: Publisher, signature: bytes = b"", **more: Any) -> pb.RulePack:
    request = admin.ImportRulePackRequest(
        **{
            "request_id": request_id(),
            "name": publisher.name,
            "archive": publisher.archive,
            "signature": signature,
            **more,
        }
    )
    answer: admin.ImportRulePackResponse = await client.call(administers(client).ImportRulePack, request)
    return answer.rule_pack


async def deploy(client: Client, pack_id: str) -> int:
    request = admin.DeployRulePackRequest(request_id=request_id(), pack_id=pack_id)
    return int((await client.call(administers(client).DeployRulePack, request)).position)


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(RemoteError) as error:
        await call
    return error.value.reason


async def imports_of(service: Service, publisher: Publisher) -> list[RulePackImported]:
    events = [each.event for each in await service.foundation.ledger.feed.read(PROVIDER, 0, 10_000)]
    return [each for each in events if isinstance(each, RulePackImported) and each.name == publisher.name]


async def test_a_signed_pack_names_its_signer_in_the_ledger_the_list_and_on_the_rules_page(
    service: Service, lead: Client, publisher: Publisher
) -> None:
    await trust(lead, publisher)
    pack = await take(lead, publisher, publisher.signature())
    assert pack.signer == publisher.key
    position = await deploy(lead, pack.pack_id)
    (event,) = await imports_of(service, publisher)
    assert event.signer == publisher.key
    assert await service.foundation.objects.get(PROVIDER, event.signature_sha256 or "") == publisher.signature()
    listed = await lead.call(reads(lead).ListRulePacks, read.ListRulePacksRequest(min_position=position))
    assert {each.signer for each in listed.rule_packs if each.name == publisher.name} == {publisher.key}
    page = await lead.call(
        lead.stub(rules_read_grpc.RulesReadServiceStub).GetRule,
        rules_read.GetRuleRequest(rule_id=publisher.rule_id, min_provider_position=position),
    )
    assert (page.source.pack_name, page.source.pack_signer) == (publisher.name, publisher.key)


async def test_an_unsigned_pack_of_a_name_that_nobody_is_bound_to_comes_in_as_unsigned(
    service: Service, lead: Client, publisher: Publisher
) -> None:
    pack = await take(lead, publisher)
    assert pack.signer == ""
    position = await deploy(lead, pack.pack_id)
    page = await lead.call(
        lead.stub(rules_read_grpc.RulesReadServiceStub).GetRule,
        rules_read.GetRuleRequest(rule_id=publisher.rule_id, min_provider_position=position),
    )
    assert (page.source.pack_name, page.source.pack_signer) == (publisher.name, "")


async def test_what_is_not_signed_as_it_has_to_be_is_refused_and_leaves_nothing(
    service: Service, lead: Client, publisher: Publisher
) -> None:
    stranger = Publisher()
    assert await refused(take(lead, publisher, publisher.signature())) == "RULE_PACK_SIGNER_UNTRUSTED"
    await trust(lead, publisher)
    altered = pack_of({"one.yml": RULE.format(rule_id=publisher.rule_id).encode() + b"level: high\n"})
    flipped = bytearray(publisher.archive)
    flipped[-1] ^= 1
    forged = parse_note(publisher.signature())
    forged_line = publisher.signer.sign("something else\n")
    for reason, signature, more in (
        ("RULE_PACK_UNSIGNED", b"", {}),
        ("RULE_PACK_SIGNATURE_MALFORMED", b"-----BEGIN PGP SIGNATURE-----\n", {}),
        ("RULE_PACK_SIGNATURE_OF_ANOTHER", publisher.signature(), {"archive": altered}),
        ("RULE_PACK_SIGNATURE_OF_ANOTHER", publisher.signature(), {"archive": bytes(flipped)}),
        ("RULE_PACK_SIGNATURE_OF_ANOTHER", publisher.signature(), {"name": stranger.name}),
        ("RULE_PACK_SIGNATURE_OF_ANOTHER", publisher.signature(name=stranger.name), {}),
        ("RULE_PACK_SIGNATURE_FALSE", type(forged)(forged.text, (forged_line,)).encode(), {}),
        (
            "RULE_PACK_SIGNER_UNTRUSTED",
            sign_pack(stranger.signer, publisher.name, hashlib.sha256(publisher.archive).hexdigest()),
            {},
        ),
        ("RULE_PACK_SIGNER_UNTRUSTED", publisher.signature(name=stranger.name), {"name": stranger.name}),
    ):
        assert await refused(take(lead, publisher, signature, **more)) == reason
    assert await imports_of(service, publisher) == await imports_of(service, stranger) == []


async def test_after_a_key_is_distrusted_its_packs_run_on_and_nothing_more_of_it_is_taken(
    service: Service, lead: Client, publisher: Publisher
) -> None:
    await trust(lead, publisher)
    request = {"request_id": request_id()}
    pack = await take(lead, publisher, publisher.signature(), **request)
    await deploy(lead, pack.pack_id)
    await distrust(lead, publisher)
    assert publisher.rule_id in {each.rule_id for each in service.detections.rules.current.rule_set.engine.rules}
    assert await refused(take(lead, publisher, publisher.signature())) == "RULE_PACK_SIGNER_UNTRUSTED"
    assert await refused(take(lead, publisher)) == "RULE_PACK_UNSIGNED"
    assert await refused(deploy(lead, pack.pack_id)) == "RULE_PACK_SIGNER_UNTRUSTED"
    # The same request once more is the same import, whatever was decided since.
    assert await take(lead, publisher, publisher.signature(), **request) == pack
    assert await refused(take(lead, publisher, **request)) == "REQUEST_ID_REUSED"
    assert len(await imports_of(service, publisher)) == 1
    await distrust(lead, publisher, release=True)
    assert (await take(lead, publisher)).signer == publisher.key


async def test_a_pack_that_came_unsigned_has_to_come_again_with_its_signature_once_its_name_is_bound(
    service: Service, lead: Client, publisher: Publisher
) -> None:
    pack = await take(lead, publisher)
    await deploy(lead, pack.pack_id)
    await trust(lead, publisher)
    assert await refused(deploy(lead, pack.pack_id)) == "RULE_PACK_UNSIGNED"
    signed = await take(lead, publisher, publisher.signature())
    assert (signed.pack_id, signed.signer) == (pack.pack_id, publisher.key)
    assert (await take(lead, publisher, publisher.signature())).signer == publisher.key
    position = await deploy(lead, pack.pack_id)
    assert [each.signer for each in await imports_of(service, publisher)] == [None, publisher.key]
    listed = await lead.call(reads(lead).ListRulePacks, read.ListRulePacksRequest(min_position=position))
    (shown,) = [each for each in listed.rule_packs if each.name == publisher.name]
    assert shown.deployed
    assert shown.signer == publisher.key


async def test_publishers_are_listed_as_they_stand_and_as_they_were_known(
    service: Service, lead: Client, publisher: Publisher
) -> None:
    trusted = await trust(lead, publisher)
    await distrust(lead, publisher)

    async def shown(**more: int) -> list[tuple[bool, str]]:
        request = read.ListRulePublishersRequest(**more)
        answer = await lead.call(reads(lead).ListRulePublishers, request)
        known = [each for each in answer.publishers if each.verifier_key == publisher.key]
        assert all(list(each.names) == [publisher.name] for each in known)
        return [(each.trusted, each.reason.value) for each in known]

    assert await shown() == [(False, "The key is lost.")]
    assert await shown(at_position=trusted) == [(True, "They are ours.")]
    assert await shown(at_position=trusted - 1) == []


async def test_only_the_providers_leads_and_administrators_say_whose_signature_counts(
    service: Service, publisher: Publisher
) -> None:
    tenant_id = str(await service.running.onboard())
    _, analyst = await service.person(ROLE.ROLE_ANALYST, PROVIDER)
    _, elsewhere = await service.person(ROLE.ROLE_LEAD, tenant_id)
    _, approver = await service.person(ROLE.ROLE_CUSTOMER_APPROVER, tenant_id, home=tenant_id)
    for client in (analyst, elsewhere, approver):
        assert await refused(trust(client, publisher)) == "ROLE_MISSING"
        assert await refused(distrust(client, publisher)) == "ROLE_MISSING"
    listing = approver.call(reads(approver).ListRulePublishers, read.ListRulePublishersRequest())
    assert await refused(listing) == "ROLE_MISSING"
    await trust(await service.client("admin"), publisher)


async def test_only_a_key_that_signs_packs_can_be_trusted(lead: Client, publisher: Publisher) -> None:
    witness = Signer("rules.example", publisher.signer.private_key, COSIGNATURE_V1).verifier.encode()
    renamed = publisher.key.replace("rules.example", "other.example")
    for key in (witness, renamed):
        assert await refused(trust(lead, publisher, verifier_key=key)) == "VERIFIER_KEY_UNREADABLE"
    for key in ("", "rules.example", publisher.key + "\n", f"\x1b{publisher.key}"):
        assert await refused(trust(lead, publisher, verifier_key=key)) == "MALFORMED_REQUEST"
    assert await refused(trust(lead, publisher, names=[])) == "MALFORMED_REQUEST"
    assert await refused(trust(lead, publisher, reason=" ")) == "RATIONALE_MISSING"
