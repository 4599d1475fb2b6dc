"""Which entries a case is told with."""

import json
from typing import Any

from infra.disclosure.case_selection import CaseSelection

CASE = "case-01jd4w6m8k3t5v7x9z2b4d6f8h"


def entry(identifier: str, stream: str, **data: Any) -> dict[str, Any]:
    return {"id": identifier, "stream": stream, "tenant": "clinic", "data": data}


def test_what_sealed_a_value_that_the_case_refers_to_is_told_with_it() -> None:
    reference = {"subject": "asset-1", "commitment": "c", "event_id": "event-1", "path": "/external_id"}
    entries = [
        entry("event-1", "asset-1", external_id={"subject": "asset-1", "commitment": "c"}),
        entry("event-2", "asset-2", external_id={"subject": "asset-2", "commitment": "d"}),
        entry("event-3", "action-1", basis={"case_id": CASE}, target=reference),
    ]
    selection = CaseSelection(CASE)
    for position, each in enumerate(entries):
        selection.look(position, json.dumps(each).encode(), each)
    assert [position for position, each in enumerate(entries) if selection.takes(position, each)] == [0, 2]
