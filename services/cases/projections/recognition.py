"""Which cases and assets have something in common: questions over the marks of cases, within one tenant only."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.events.case_work import JoiningReason, JoiningRule
from contracts.ids import TenantId
from infra.read_database.reader.conditions import ascending, descending, one_of
from infra.read_database.reader.pages import PageRequest
from infra.read_database.reader.queries import Reader
from services.cases.domain.joining import Mark, related
from services.cases.projections.case_marks import CaseMarks, MarkKind, MarkRow
from services.cases.projections.cases import CaseRow, Cases
from services.cases.projections.index_assets import IndexAssetRow, IndexAssets

MAX_MARKS = 1_000
"""Most marks of one case, or rows of other cases that share them, that are looked at; the latest first."""
MAX_OF_ONE_MARK = 50
"""Where these are more: rows of each mark by itself, so that a rare one is not crowded out by a common one."""
MAX_ASKED_ALONE = 100
"""Marks of one case that are then asked about one by one, the strong ones first."""
MAX_HOPS = 5
"""How far a merged case is followed to the one that it is worked in."""
MAX_SIMILAR = 20
MAX_COMPARED = 60
"""Most cases that are looked up to find the likest, since some of them are merged into others."""
JOINING = (MarkKind.ASSET.value, MarkKind.OBSERVABLE.value)
EVERY_KIND = tuple(kind.value for kind in MarkKind)
WEIGHTS: Mapping[MarkKind, int] = {
    MarkKind.OBSERVABLE: 1,
    MarkKind.TECHNIQUE: 1,
    MarkKind.ASSET: 2,
    MarkKind.RULE: 2,
}
STRONG_WEIGHT = 5
"""A strong observable weighs more than a rule and an asset together."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One thing that two cases have, and what it adds to their score."""

    mark: MarkRow
    weight: int


@dataclass(frozen=True, slots=True)
class Similar:
    case: CaseRow
    score: int
    shared: tuple[Shared, ...]


class Recognition:
    """`cases`, `marks` and `index_assets` are the service's views of these names."""

    def __init__(self, reader: Reader, cases: Cases, marks: CaseMarks, index_assets: IndexAssets) -> None:
        self._reader, self._cases, self._marks, self._index_assets = reader, cases, marks, index_assets

    async def marks_of(self, tenant_id: TenantId, case_ids: Sequence[str], at: int | None = None) -> list[MarkRow]:
        """What these cases can be recognised by."""
        page = await self._marks.list(
            self._reader,
            [tenant_id],
            [one_of("case_id", case_ids)],
            [ascending("kind"), ascending("shared")],
            PageRequest(MAX_MARKS),
            at=at,
        )
        return [item.document for item in page.items]

    async def related(self, tenant_id: TenantId, case: CaseRow) -> dict[str, tuple[JoiningReason, ...]]:
        """The cases that are parts of one attack with this one by the rules of `joining`, as they are worked now."""
        own = await self.marks_of(tenant_id, case.case_ids)
        others = await self._sharing(tenant_id, own, JOINING, case.case_ids, None)
        roots = await self._roots(tenant_id, {row.case_id for row in others}, None)
        theirs = [
            mark
            for row in others
            if (root := roots.get(row.case_id)) is not None and root.case_id != case.case_id
            for mark in _as_marks(row, root.case_id)
        ]
        mine = [mark for row in own if row.kind.value in JOINING for mark in _as_marks(row, case.case_id)]
        return related(case.case_id, mine, theirs)

    async def similar(self, tenant_id: TenantId, case: CaseRow, at: int | None) -> list[Similar]:
        """The likest cases first, each with all that it shares. A merged case counts as the one it is worked in."""
        own = await self.marks_of(tenant_id, case.case_ids, at)
        others = _likeliest(await self._sharing(tenant_id, own, EVERY_KIND, case.case_ids, at))
        roots = await self._roots(tenant_id, {row.case_id for row in others}, at)
        shared: dict[str, dict[tuple[MarkKind, str], Shared]] = defaultdict(dict)
        for row in others:
            root = roots.get(row.case_id)
            if root is not None and root.case_id != case.case_id:
                shared[root.case_id].setdefault((row.kind, row.shared), Shared(row, _weight(row)))
        by_id = {root.case_id: root for root in roots.values()}
        found = [
            Similar(by_id[case_id], sum(each.weight for each in things.values()), tuple(things.values()))
            for case_id, things in shared.items()
        ]
        return sorted(found, key=lambda each: (-each.score, each.case.case_id))[:MAX_SIMILAR]

    async def assets_sharing(
        self, tenant_id: TenantId, marks: Iterable[MarkRow], at: int | None
    ) -> list[IndexAssetRow]:
        """Every asset that one of these observables was seen with, up to MAX_MARKS."""
        indexes = [mark.shared for mark in marks if mark.kind is MarkKind.OBSERVABLE]
        if not indexes:
            return []
        page = await self._index_assets.list(
            self._reader,
            [tenant_id],
            [one_of("index", indexes)],
            [ascending("asset_id"), ascending("index")],
            PageRequest(MAX_MARKS),
            at=at,
        )
        return [item.document for item in page.items]

    async def _sharing(
        self,
        tenant_id: TenantId,
        marks: Iterable[MarkRow],
        kinds: Sequence[str],
        own: Sequence[str],
        at: int | None,
    ) -> list[MarkRow]:
        asked = [mark for mark in sorted(marks, key=lambda each: not each.strong) if mark.kind.value in kinds]
        wanted = list(dict.fromkeys(mark.shared for mark in asked))
        if not wanted:
            return []
        found, more = await self._having(tenant_id, wanted, kinds, MAX_MARKS, at)
        if more:
            # What very many cases have would crowd out the rare thing that tells an attack.
            pages = [
                await self._having(tenant_id, [each], kinds, MAX_OF_ONE_MARK, at) for each in wanted[:MAX_ASKED_ALONE]
            ]
            found = [row for rows, _ in pages for row in rows]
        return [row for row in found if row.case_id not in own]

    async def _having(
        self, tenant_id: TenantId, shared: Sequence[str], kinds: Sequence[str], limit: int, at: int | None
    ) -> tuple[list[MarkRow], bool]:
        """The latest marks that are one of these, and whether there are more."""
        page = await self._marks.list(
            self._reader,
            [tenant_id],
            [one_of("shared", shared), one_of("kind", kinds)],
            [descending("from_position")],
            PageRequest(limit),
            at=at,
        )
        return [item.document for item in page.items], bool(page.next_token)

    async def _roots(self, tenant_id: TenantId, case_ids: set[str], at: int | None) -> dict[str, CaseRow]:
        """The case that each of these is worked in: itself, or the one that it was merged into."""
        known: dict[str, CaseRow] = {}
        wanted = case_ids
        for _ in range(MAX_HOPS):
            if not wanted:
                break
            page = await self._cases.list(
                self._reader, [tenant_id], [one_of("key", sorted(wanted))], [], PageRequest(MAX_MARKS), at=at
            )
            known |= {item.key: item.document for item in page.items}
            wanted = {row.merged_into for row in known.values() if row.merged_into} - known.keys()
        return {case_id: _root(known, case_id) for case_id in case_ids if case_id in known}


def _weight(row: MarkRow) -> int:
    return STRONG_WEIGHT if row.strong else WEIGHTS[row.kind]


def _likeliest(rows: Sequence[MarkRow]) -> list[MarkRow]:
    """The marks of those cases that share most, so that not every case with the same rule is looked up."""
    scores: Counter[str] = Counter()
    for row in rows:
        scores[row.case_id] += _weight(row)
    kept = {case_id for case_id, _ in scores.most_common(MAX_COMPARED)}
    return [row for row in rows if row.case_id in kept]


def _root(known: Mapping[str, CaseRow], case_id: str) -> CaseRow:
    row = known[case_id]
    for _ in range(MAX_HOPS):
        following = known.get(row.merged_into or "")
        if following is None:
            break
        row = following
    return row


def _as_marks(row: MarkRow, case_id: str) -> list[Mark]:
    if row.kind is MarkKind.ASSET:
        rule = JoiningRule.SAME_ASSET
    else:
        rule = JoiningRule.SAME_STRONG_OBSERVABLE if row.strong else JoiningRule.SAME_OBSERVABLE
    return [Mark(case_id, rule, row.shared, source.seen_at) for source in row.sources]
