"""Loads what decisions rest on and holds it still: an append fails unless all is as it was at the decision."""

from collections.abc import Iterable, Sequence

from contracts.events.cases import Step
from contracts.events.subjects import SubjectKind, SubjectRef
from infra.event_store.handler import Unit
from infra.event_store.repository import Loaded
from services.cases.application.aggregates import ACTION, ASSET, CASE, SUBJECTS
from services.cases.domain.action import Action, action_id_of
from services.cases.domain.case import Case, Plan
from services.cases.domain.errors import NotValidated, ValidationWithdrawn
from services.cases.domain.repertoire import PERSON
from services.cases.domain.subjects import Asset, Subject, cite, known, standing_validation


async def required_subject(unit: Unit, kind: SubjectKind, subject_id: str) -> Loaded[Subject]:
    """The subject, whose standing validation is a precondition of the append. Raises as `standing_validation`.

    Every command that opens, decides, dispatches or notifies comes through here.
    """
    loaded = await unit.load(SUBJECTS[kind], subject_id)
    standing_validation(loaded.state)
    unit.require(loaded)
    return loaded


async def standing_subjects(unit: Unit, case: Case) -> tuple[SubjectRef, tuple[Subject, ...]]:
    """The case's subjects that still stand, and the citation of the first of them, which the append requires.

    Raises what the case's own subject raises where none of them stands.
    """
    standing: list[Subject] = []
    cited: SubjectRef | None = None
    refusal: NotValidated | ValidationWithdrawn | None = None
    for reference in case.subjects:
        loaded = await unit.load(SUBJECTS[reference.kind], reference.id)
        try:
            citation = cite(loaded.state, loaded.version)
        except (NotValidated, ValidationWithdrawn) as error:
            refusal = refusal or error
            continue
        # All that stand shaped the plan, so all of them are held still.
        unit.require(loaded)
        standing.append(loaded.state)
        cited = cited or citation
    if cited is None:
        raise refusal or NotValidated("The case rests on nothing that is validated.")
    return cited, tuple(standing)


async def anything_stands(unit: Unit, case: Case) -> bool:
    """Whether one of the case's subjects is validated with a verdict that calls for a response."""
    try:
        await standing_subjects(unit, case)
    except (NotValidated, ValidationWithdrawn):
        return False
    return True


async def assets_of(unit: Unit, asset_ids: Iterable[str]) -> tuple[Asset, ...]:
    """The assets by identifier, in this order. Raises AssetUnknown for one of another tenant, or a retired one."""
    ordered = sorted(set(asset_ids))
    return tuple([known((await unit.load(ASSET, asset_id)).state, asset_id) for asset_id in ordered])


async def attempts_of(unit: Unit, identifiers: Sequence[str]) -> list[Loaded[Action]]:
    return [await unit.load(ACTION, identifier) for identifier in identifiers]


async def actions_of(unit: Unit, plan: Plan) -> list[tuple[Step, Action]]:
    """The actions of a plan's steps, attempt after attempt; a step never tried has one that does not exist."""
    found: list[tuple[Step, Action]] = []
    for step in plan.steps:
        if step.connector == PERSON:
            continue
        attempt = 1
        while True:
            loaded = await unit.load(ACTION, action_id_of(plan.plan_id, step.step_id, attempt))
            if loaded.state.exists or attempt == 1:
                found.append((step, loaded.state))
            if not loaded.state.exists:
                break
            attempt += 1
    return found


async def loaded_case(unit: Unit, case_id: str) -> Loaded[Case]:
    return await unit.load(CASE, case_id)
