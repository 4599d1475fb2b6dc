"""How a later report on the same period differs from an earlier one, and which entries caused the difference."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def restated(earlier: Json, later: Json, publication: tuple[str, str] | None) -> Json:
    """Every figure whose value changed: published, current, difference where both are known, and the positions that
    only one of the two stands on."""
    before, after = _figures(earlier), _figures(later)
    changed = [
        _change(name, before.get(name), after.get(name), earlier["sources"], later["sources"])
        for name in sorted(before.keys() | after.keys())
        if _value(before.get(name)) != _value(after.get(name))
    ]
    return {
        "report_id": publication[0] if publication else None,
        "model_sha256": publication[1] if publication else None,
        "as_of_position": earlier["as_of"]["position"],
        "definitions_changed": earlier["definitions_version"] != later["definitions_version"],
        "figures": changed,
    }


def _change(name: str, before: Json | None, after: Json | None, old: Json, new: Json) -> Json:
    published, current = _value(before), _value(after)
    known = published is not None and current is not None
    return {
        "figure": name,
        "label": (after or before or {})["label"],
        "unit": (after or before or {})["unit"],
        "published": published,
        "current": current,
        "difference": current - published if known else None,
        "because": _runs_between(_runs(before, old), _runs(after, new)),
    }


def _figures(model: Json) -> dict[str, Json]:
    return {figure["id"]: figure for figure in _walk(model)}


def _walk(model: Json) -> Iterator[Json]:
    for section in model["sections"]:
        yield from section["figures"]
        for row in section["rows"]:
            yield from row.get("figures", [])


def _value(figure: Json | None) -> Any:
    return figure["value"] if figure else None


def _runs(figure: Json | None, sources: Json) -> list[list[int]]:
    return sources[figure["source"]]["runs"] if figure else []


def _runs_between(old: list[list[int]], new: list[list[int]]) -> list[list[int]]:
    """The positions that are in exactly one of two sets of runs, as runs. Linear in the number of runs."""
    edges = sorted([edge for first, last in (*old, *new) for edge in ((first, 1), (last + 1, -1))])
    result: list[list[int]] = []
    depth, since = 0, 0
    for at, step in edges:
        if depth == 1 and at > since:
            if result and result[-1][1] == since - 1:
                result[-1][1] = at - 1
            else:
                result.append([since, at - 1])
        depth, since = depth + step, at
    return result
