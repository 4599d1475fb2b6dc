"""What a technique weighs: by stage and by use, of whichever import of ATT&CK was at work, and on record with it."""

import gzip
import json
import uuid
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import zstandard
from tenet.detections.v1 import detections_intelligence_write_pb2 as write
from tenet.detections.v1 import detections_intelligence_write_pb2_grpc as write_grpc
from tenet.detections.v1 import detections_pb2 as pb
from tenet.detections.v1 import detections_read_pb2 as read

from contracts.events.base import Recorded
from contracts.events.detections import DetectionRaised, TechniqueWeight
from contracts.ids import PROVIDER, TenantId
from contracts.labels import Label
from infra.runtime.settings import Settings
from services.detections.domain.intelligence import sources, stix_bundle, technique_weights
from services.detections.domain.intelligence.content import read_content
from services.detections.domain.intelligence.indicators import IndicatorSet, decode, encode
from services.detections.domain.intelligence.stix_bundle import read_objects
from services.detections.domain.intelligence.technique_weights import TechniqueWeights
from services.detections.domain.intelligence.watch import Origin
from tests.fixtures.platform import Platform, new_platform, request_id
from tests.services.detections.conftest import ROLE, Service, reads, without_intelligence
from tests.services.detections.intelligence.asking import imported, refused
from tests.services.detections.intelligence.bundles import bundle
from tests.services.detections.records import lines, shadow_copies_deleted

ATTACK = Settings().shared_data / "enterprise-attack-stix21.json.gz"


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """One of its own: what other tests import of ATT&CK would judge here."""
    with new_platform() as made:
        yield made


def technique(technique_id: str, *tactics: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "attack-pattern",
        "id": f"attack-pattern--{uuid.uuid5(uuid.NAMESPACE_URL, technique_id)}",
        "name": f"name of {technique_id}",
        "external_references": [{"source_name": "mitre-attack", "external_id": technique_id}],
        "kill_chain_phases": [{"kill_chain_name": "mitre-attack", "phase_name": tactic} for tactic in tactics],
        **more,
    }


def related(kind: str, source: str, target: str, **more: Any) -> dict[str, Any]:
    name = kind + source + target
    identifier = f"relationship--{uuid.uuid5(uuid.NAMESPACE_URL, name)}"
    own = {"relationship_type": kind, "source_ref": source, "target_ref": target}
    return {"type": "relationship", "id": identifier, **own, **more}


def used(target: dict[str, Any], times: int, kind: str = "malware", **more: Any) -> list[dict[str, Any]]:
    users = [f"{kind}--{uuid.uuid5(uuid.NAMESPACE_URL, str(number))}" for number in range(times)]
    return [related("uses", user, target["id"], **more) for user in users]


def weights(*contents: list[dict[str, Any]]) -> TechniqueWeights:
    read_ = [read_objects(each, Label.CLEAR).content for each in contents]
    return TechniqueWeights.of((Origin(f"source-{n}", "0" * 64, n), each) for n, each in enumerate(read_))


FILLER = [technique(f"T2{number:03}", "execution") for number in range(8)]
"""Used by nobody, so that one that is used by somebody is among the tenth or third that is used by the most."""


@pytest.mark.parametrize(
    ("tactics", "stage"),
    [
        (("reconnaissance",), 80),
        (("execution",), 100),
        (("persistence", "privilege-escalation"), 110),
        (("credential-access",), 125),
        (("exfiltration",), 125),
        (("execution", "impact", "reconnaissance"), 130),
        (("a tactic of a later ATT&CK",), 100),
        ((), 100),
    ],
)
def test_the_latest_tactic_is_the_stage(tactics: tuple[str, ...], stage: int) -> None:
    weight = weights([technique("T1000", *tactics)]).heaviest(["T1000"])
    assert weight is not None
    assert (weight.weight_percent, weight.users) == (stage, None), "a set without uses says nothing of them"


@pytest.mark.parametrize("chain", [{}, [], None, 1, "lockheed-martin"])
def test_a_phase_of_no_kill_chain_of_attack_is_no_tactic(chain: object) -> None:
    phases = {"kill_chain_phases": [{"kill_chain_name": chain, "phase_name": "impact"}]}
    weight = weights([technique("T1000", **phases)]).heaviest(["T1000"])
    assert weight is not None
    assert weight.tactic is None


def test_use_is_a_rank_within_the_set() -> None:
    common, usual, rare = (technique(f"T100{number}", "execution") for number in range(3))
    content = [*FILLER, common, usual, rare, *used(common, 9), *used(usual, 2)]
    judged = weights(content)
    found = [judged.heaviest([each]) for each in ("T1000", "T1001", "T1002")]
    assert [(each.weight_percent, each.users) for each in found if each] == [(120, 9), (110, 2), (90, 0)]


def test_who_uses_a_sub_technique_uses_its_technique_and_a_missing_sub_technique_is_judged_as_it() -> None:
    parent, child = technique("T1059", "execution"), technique("T1059.001", "execution")
    judged = weights([*FILLER, parent, child, *used(child, 3), *used(parent, 1)])
    weight, own, missing = (judged.heaviest([each]) for each in ("T1059", "T1059.001", "T1059.099"))
    assert weight is not None
    assert own is not None
    assert (weight.users, own.users) == (3, 3), "the same malware counts once"
    assert missing == weight


def test_the_weightiest_of_several_counts_and_unknown_ones_count_for_nothing() -> None:
    judged = weights([technique("T1486", "impact"), technique("T1059", "execution"), technique("T1490", "impact")])
    weight = judged.heaviest(["T1059", "T1490", "T1486", "T9999"])
    assert weight is not None
    assert (weight.technique_id, weight.weight_percent) == ("T1486", 130)
    assert judged.heaviest(["T9999"]) is judged.heaviest([]) is TechniqueWeights().heaviest(["T1486"]) is None


def test_a_revoked_technique_is_judged_as_what_it_was_revoked_for_and_a_deprecated_one_by_nothing() -> None:
    old = technique("T1086", "execution", revoked=True)
    new = technique("T1059.001", "impact")
    gone = technique("T1064", "execution", x_mitre_deprecated=True)
    loops = [technique("T1001", revoked=True), technique("T1002", revoked=True)]
    judged = weights(
        [
            *(old, new, gone, *loops),
            related("revoked-by", old["id"], new["id"]),
            related("revoked-by", loops[0]["id"], loops[1]["id"]),
            related("revoked-by", loops[1]["id"], loops[0]["id"]),
        ]
    )
    weight = judged.heaviest(["T1086"])
    assert weight is not None
    assert (weight.technique_id, weight.weight_percent) == ("T1059.001", 130)
    assert judged.heaviest(["T1064"]) is judged.heaviest(["T1001"]) is None


def test_a_feed_that_brings_a_technique_along_does_not_outweigh_attack() -> None:
    attack = [technique("T1486", "impact"), technique("T1059", "execution")]
    judged = weights(attack, [technique("T1486", "reconnaissance")])
    weight = judged.heaviest(["T1486"])
    assert weight is not None
    assert (weight.source, weight.weight_percent) == ("source-0", 130)
    later = weights(attack, [technique("T1486", "exfiltration"), technique("T1059", "execution")]).heaviest(["T1486"])
    assert later is not None
    assert later.source == "source-1", "of two alike that which was imported last"


def test_only_standing_uses_by_attackers_and_their_software_count() -> None:
    target = technique("T1486", "impact")
    content = read_objects(
        [
            *(target, *used(target, 2), *used(target, 1, "intrusion-set")),
            *used(target, 1, "campaign", revoked=True),
            *used(target, 1, "identity"),
            related("uses", "malware--not-an-identifier", target["id"]),
            related("mitigates", f"malware--{uuid.uuid4()}", target["id"]),
        ],
        Label.CLEAR,
    ).content
    assert {key: len(users) for key, users in content.uses.items()} == {target["id"]: 3}


def test_what_is_added_later_joins_what_is_known_and_comes_back_as_it_was_written() -> None:
    target = technique("T1486", "impact")
    first = read_objects([target, *used(target, 1)], Label.CLEAR).content
    second = read_objects(used(target, 3), Label.CLEAR).content
    whole = first.merged(second)
    assert len(whole.uses[target["id"]]) == 3
    assert decode(encode(whole)) == whole
    assert whole.without_old(0.0) == whole


def test_a_set_that_was_written_before_uses_were_kept_is_still_read() -> None:
    said = {"version": 1, "attack_version": "18.0", "techniques": [["T1486", "n", ["impact"], False]], "indicators": []}
    content = decode(zstandard.ZstdCompressor().compress(orjson.dumps(said)))
    weight = TechniqueWeights.of([(Origin("attack", "0" * 64, 1), content)]).heaviest(["T1486"])
    assert weight is not None
    assert (weight.weight_percent, weight.users, weight.attack_version) == (130, None, "18.0")


def test_the_whole_of_attack_ranks_as_its_own_numbers_say() -> None:
    if not ATTACK.exists():
        pytest.skip("ATT&CK as a STIX bundle is not on this machine")
    content: IndicatorSet = read_content(ATTACK.read_bytes(), Label.CLEAR)[1].content
    objects = json.loads(gzip.decompress(ATTACK.read_bytes()))["objects"]
    standing = {each["id"] for each in objects if each["type"] == "attack-pattern" and not each.get("revoked")}
    ransom = next(each for each in content.techniques.values() if each.technique_id == "T1486")
    users = {
        each["source_ref"]
        for each in objects
        if each["type"] == "relationship" and each["relationship_type"] == "uses" and each["target_ref"] in standing
        if each["target_ref"] == ransom.object_id
    }
    judged = TechniqueWeights.of([(Origin("attack", "0" * 64, 1), content)])
    found = {each: judged.heaviest([each]) for each in ("T1486", "T1003", "T1059.001", "T1595")}
    assert found["T1486"] is not None
    assert found["T1486"].users == len(users) > 0
    assert {key: each.weight_percent for key, each in found.items() if each} == {
        "T1486": 143,
        "T1003": 150,
        "T1059.001": 120,
        "T1595": 88,
    }


async def _raised_by(service: Service, tenant_id: str, position: int) -> Recorded[DetectionRaised]:
    events = await service.foundation.ledger.feed.read(TenantId(tenant_id), 0)
    return max(
        (each for each in events if isinstance(each.event, DetectionRaised) and each.position <= position),
        key=lambda each: each.position,
    )


async def test_the_priority_says_which_version_judged_and_keeps_it(with_rules: Service) -> None:
    service = with_rules
    tenant_id, other = await service.running.onboard(), await service.running.onboard()
    admin = await service.client("admin")
    sensor, others_sensor = await service.sensor(tenant_id), await service.sensor(other)
    _, analyst = await service.person(ROLE.ROLE_ANALYST, tenant_id)

    async def detected(number: int) -> tuple[pb.TriageItem, Recorded[DetectionRaised]]:
        content = lines(shadow_copies_deleted("srv", number, f"2026-11-{10 + number}T03:12:00.000000Z"))
        position = (await service.ingest(sensor, tenant_id, content)).position
        request = read.ListTriageQueueRequest(tenant_ids=[tenant_id], min_position=position)
        items = (await analyst.call(reads(analyst).ListTriageQueue, request)).items
        return max(items, key=lambda each: each.raised_at.ToDatetime()), await _raised_by(service, tenant_id, position)

    before, _ = await detected(0)
    assert not before.HasField("technique")
    assert "technique" in before.missing_inputs
    assert "T1490" in before.techniques

    target = technique("T1490", "impact")
    first = await imported(admin, bundle(target), source="attack")
    judged, recorded = await detected(1)
    expected = TechniqueWeight(
        technique_id="T1490",
        tactic="impact",
        users=None,
        weight_percent=130,
        source="attack",
        attack_version=None,
        set_sha256=first.set_sha256,
        position=first.position,
    )
    assert recorded.event.technique == expected
    assert technique_weights.fact_of(expected) in recorded.envelope.facts
    assert "technique" not in judged.missing_inputs
    assert judged.technique.weight_percent == 130
    assert judged.priority == (before.priority * 130 + 50) // 100

    # Nobody else's: what is judged is the same for every tenant, and each has it in its own ledger.
    position = (await service.ingest(others_sensor, other, lines(shadow_copies_deleted("srv", 1)))).position
    assert (await _raised_by(service, other, position)).event.technique == expected

    content = bundle(target, *FILLER, *used(target, 2))
    second = await imported(admin, content, source="attack")
    newer, _ = await detected(2)
    assert (newer.technique.weight_percent, newer.technique.position) == (143, second.position)
    shown = await analyst.call(
        reads(analyst).GetDetection,
        read.GetDetectionRequest(tenant_id=tenant_id, detection_id=judged.detection_id),
    )
    assert shown.detection.technique.weight_percent == 130, "what was raised keeps the version that judged it"

    await without_intelligence(admin)
    after, _ = await detected(3)
    assert not after.HasField("technique")


async def test_more_uses_than_are_kept_are_refused(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await service.client("admin")
    target = technique("T1490", "impact")
    monkeypatch.setattr(stix_bundle, "MAX_TECHNIQUE_USES_PER_SOURCE", 2)
    few = await imported(admin, bundle(target, *used(target, 3)), source="few")
    assert [each.reason for each in few.refused] == ["TOO_MANY_USES"]
    monkeypatch.setattr(sources, "MAX_TECHNIQUE_USES_PER_SOURCE", 1)
    content = bundle(target, *used(target, 2))
    stub = admin.stub(write_grpc.IntelligenceWriteServiceStub)
    request = write.ImportIntelligenceRequest(
        tenant_id=PROVIDER, request_id=request_id(), source="many", content=content
    )
    assert await refused(admin.call(stub.ImportIntelligence, request)) == "TECHNIQUE_USES_TOO_MANY"
