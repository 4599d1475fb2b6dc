"""The commands of the assets service: load, decide, append. Blind indexes are made here, where the search key may be
had.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.calls import Call
from contracts.events.base import Fact
from contracts.ids import PROVIDER, TenantId, derive_id
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Aggregate, Repository
from infra.keys import KeyStore
from infra.keys.blind_index import address_index, external_id_index, name_index
from services.assets.domain import asset, finding, sensor
from services.assets.domain.commands import (
    AssetIndexes,
    EndSensorSilence,
    ReassessFinding,
    ReclassifyAsset,
    RecordHeartbeat,
    RegisterAsset,
    RegisterSensor,
    ReportFinding,
    ReportFindingFix,
    RetireAsset,
    StartSensorSilence,
    ValidateFinding,
    VerifyFindingFix,
    WithdrawFindingValidation,
)
from services.assets.domain.errors import AssetUnknown
from services.assets.domain.vulnerability_feed import Knowledge

ASSET = Aggregate(asset.CATEGORY, asset.Asset, asset.evolve)
SENSOR = Aggregate(sensor.CATEGORY, sensor.Sensor, sensor.evolve)
FINDING = Aggregate(finding.CATEGORY, finding.Finding, finding.evolve)


class HeartbeatKeeper(Protocol):
    """Where signs of life are taken down."""

    async def record(self, tenant_id: TenantId, sensor_id: str, heard_at: datetime) -> None:
        """Keeps the later of what is known and `heard_at`."""
        ...


@dataclass(frozen=True, slots=True)
class Identified:
    """A command's outcome with the identifier of what it made."""

    id: str
    committed: Committed


class Assets:
    """One method a command. Every method may raise what `CommandHandler.handle` raises."""

    def __init__(
        self, handler: CommandHandler, repository: Repository, keys: KeyStore, heartbeats: HeartbeatKeeper
    ) -> None:
        self._handler = handler
        self._repository = repository
        self._keys = keys
        self._heartbeats = heartbeats

    async def register_asset(self, call: Call, command: RegisterAsset) -> Identified:
        """Raises AssetAlreadyRegistered."""
        key = await self._keys.search_key(call.tenant_id)
        indexes = AssetIndexes(
            name=name_index(key, command.name),
            addresses=tuple(dict.fromkeys(address_index(key, address) for address in command.addresses)),
            owner=name_index(key, command.owner) if command.owner else None,
            external_id=external_id_index(key, command.external_id) if command.external_id else None,
        )
        asset_id = asset.asset_id_for(call.tenant_id, command.kind, indexes)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(ASSET, asset_id)
            unit.append(loaded, asset.register(loaded.state, command, asset_id, indexes))

        return Identified(asset_id, await self._handler.handle(call, command, work))

    async def reclassify_asset(self, call: Call, command: ReclassifyAsset) -> Committed:
        """Raises AssetUnknown, AssetRetiredAlready."""

        async def work(unit: Unit) -> None:
            loaded = await unit.load(ASSET, command.asset_id)
            unit.append(loaded, asset.reclassify(loaded.state, command))

        return await self._handler.handle(call, command, work)

    async def retire_asset(self, call: Call, command: RetireAsset) -> Committed:
        """Raises AssetUnknown, AssetRetiredAlready."""

        async def work(unit: Unit) -> None:
            loaded = await unit.load(ASSET, command.asset_id)
            unit.append(loaded, asset.retire(loaded.state, command))

        return await self._handler.handle(call, command, work)

    async def register_sensor(self, call: Call, command: RegisterSensor) -> Identified:
        """Raises AssetUnknown."""
        sensor_id = _made_id("sensor", call)

        async def work(unit: Unit) -> None:
            if command.asset_id is not None:
                watched = await unit.load(ASSET, command.asset_id)
                if not watched.state.live:
                    raise AssetUnknown(command.asset_id)
                unit.require(watched)
            unit.append(await unit.load(SENSOR, sensor_id), sensor.register(command, sensor_id))

        return Identified(sensor_id, await self._handler.handle(call, command, work))

    async def record_heartbeat(self, call: Call, command: RecordHeartbeat, heard_at: datetime) -> int:
        """Takes the sign of life down, and ends the silence that is on record. The position of the last entry seen.

        Raises SensorUnknown, SensorNotYours.
        """
        loaded = await self._repository.load(call.tenant_id, SENSOR, command.sensor_id)
        sensor.require_speaker(loaded.state, command.sensor_id, call.actor)
        await self._heartbeats.record(call.tenant_id, command.sensor_id, heard_at)
        if loaded.state.silent_from is None:
            return loaded.last_position
        ending = EndSensorSilence(
            tenant_id=call.tenant_id, request_id=call.request_id, sensor_id=command.sensor_id, heard_at=heard_at
        )
        return (await self.end_sensor_silence(call, ending)).position

    async def start_sensor_silence(self, call: Call, command: StartSensorSilence) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(SENSOR, command.sensor_id)
            unit.append(loaded, sensor.start_silence(loaded.state, command.last_heard_at, call.now))

        return await self._handler.handle(call, command, work)

    async def end_sensor_silence(self, call: Call, command: EndSensorSilence) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(SENSOR, command.sensor_id)
            unit.append(loaded, sensor.end_silence(loaded.state, command.heard_at))

        return await self._handler.handle(call, command, work)

    async def report_finding(self, call: Call, command: ReportFinding) -> Identified:
        """Raises AssetUnknown, FindingWithoutAsset."""
        finding_id = _made_id("finding", call)

        async def work(unit: Unit) -> None:
            assets = []
            for asset_id in command.asset_ids:
                named = await unit.load(ASSET, asset_id)
                unit.require(named)
                assets.append((asset_id, named.state))
            unit.append(await unit.load(FINDING, finding_id), finding.report(command, finding_id, assets))

        return Identified(finding_id, await self._handler.handle(call, command, work))

    async def validate_finding(self, call: Call, command: ValidateFinding) -> Committed:
        """Raises FindingUnknown, ValidatorNotHuman, RationaleMissing, VerdictNotForFindings, AlreadyValidated."""
        return await self._on_finding(
            call, command.finding_id, command, lambda state: finding.validate(state, command, call.actor)
        )

    async def withdraw_finding_validation(self, call: Call, command: WithdrawFindingValidation) -> Committed:
        """Raises FindingUnknown, ValidatorNotHuman, ValidationNotStanding."""
        return await self._on_finding(
            call, command.finding_id, command, lambda state: finding.withdraw_validation(state, command, call.actor)
        )

    async def report_finding_fix(self, call: Call, command: ReportFindingFix) -> Committed:
        """Raises FindingUnknown, AssetNotInFinding, FixAlreadyVerified."""
        return await self._on_finding(
            call, command.finding_id, command, lambda state: finding.report_fix(state, command)
        )

    async def verify_finding_fix(self, call: Call, command: VerifyFindingFix) -> Committed:
        """Raises FindingUnknown, AssetNotInFinding, FixNotReported, FixAlreadyVerified, ObservationWithoutSource."""
        return await self._on_finding(
            call, command.finding_id, command, lambda state: finding.verify_fix(state, command)
        )

    async def reassess_finding(self, call: Call, finding_id: str, known: Knowledge) -> Committed:
        """Takes down what is known of the finding's vulnerability, if that is news. Raises FindingUnknown."""
        command = ReassessFinding(tenant_id=call.tenant_id, request_id=call.request_id, finding_id=finding_id)

        async def work(unit: Unit) -> None:
            loaded = await unit.load(FINDING, finding_id)
            said = known.of(loaded.state.vulnerability_id or "")
            events = finding.reassess(loaded.state, command, said)
            unit.append(loaded, events)
            for version in said.feeds if events else ():
                unit.cite(Fact("vulnerability_feed", version.sha256, PROVIDER, version.position))

        return await self._handler.handle(call, command, work)

    async def _on_finding(
        self,
        call: Call,
        finding_id: str,
        command: ValidateFinding | WithdrawFindingValidation | ReportFindingFix | VerifyFindingFix,
        decide: Callable[[finding.Finding], list[finding.FindingEvent]],
    ) -> Committed:
        async def work(unit: Unit) -> None:
            loaded = await unit.load(FINDING, finding_id)
            unit.append(loaded, decide(loaded.state))

        return await self._handler.handle(call, command, work)


def _made_id(kind: str, call: Call) -> str:
    """The identifier that this request makes, the same at every retry."""
    return derive_id(kind, call.tenant_id, call.request_key)
