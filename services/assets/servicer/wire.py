"""The service's values as messages of the wire, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from tenet.assets.v1 import assets_pb2 as pb
from tenet.common.v1 import common_pb2 as common

from contracts.events.assets import AssetClass, AssetKind, FeedVersion, FindingKind, VulnerabilityFeed
from contracts.events.subjects import Evidence, Sight, Verdict
from contracts.labels import Label
from infra.disclosure.opener import Opened
from services.assets.domain.commands import EvidenceBrought

T = TypeVar("T", bound=str)

ASSET_KINDS = {kind: pb.AssetKind.Value(f"ASSET_KIND_{kind.name}") for kind in AssetKind}
ASSET_CLASSES = {each: pb.AssetClass.Value(f"ASSET_CLASS_{each.name}") for each in AssetClass}
FINDING_KINDS = {kind: pb.FindingKind.Value(f"FINDING_KIND_{kind.name}") for kind in FindingKind}
FEEDS = {feed: pb.VulnerabilityFeed.Value(f"VULNERABILITY_FEED_{feed.name}") for feed in VulnerabilityFeed}
VERDICTS = {verdict: common.Verdict.Value(f"VERDICT_{verdict.name}") for verdict in Verdict}
LABELS = {label: common.Label.Value(f"LABEL_{label.name}") for label in Label}
EXPOSURES = {
    "internet": pb.EXPOSURE_INTERNET,
    "internal": pb.EXPOSURE_INTERNAL,
    "none": pb.EXPOSURE_NONE,
}


def named(table: Mapping[T, int], number: int) -> T:
    """The value behind a number of an enum that the schema's rules have checked."""
    return next(value for value, each in table.items() if each == number)


def timestamp(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


def evidence_brought(message: common.EvidenceInput) -> EvidenceBrought:
    return EvidenceBrought(
        label=named(LABELS, message.label),
        summary=message.summary,
        sha256=message.sha256 if message.HasField("sha256") else None,
        offset=message.offset if message.HasField("offset") else None,
        position=message.position if message.HasField("position") else None,
    )


def sight(message: common.Sight) -> Sight:
    return Sight(view=message.view, view_version=message.view_version, position=message.position)


def evidence_message(evidence: Evidence, opened: Opened) -> common.Evidence:
    return common.Evidence(
        id=evidence.id,
        label=LABELS[evidence.label],
        summary=opened.text(evidence.summary),
        sha256=evidence.sha256,
        offset=evidence.offset,
        position=evidence.position,
    )


def feed_version_message(version: FeedVersion) -> pb.FeedVersion:
    return pb.FeedVersion(
        feed=FEEDS[version.feed], version=version.version, sha256=version.sha256, position=version.position
    )
