"""Where a charter contradicts itself: what its shape allows but no plan could follow."""

from collections.abc import Iterator, Sequence

from contracts.errors import FieldViolation
from contracts.events.assets import AssetKind
from contracts.events.cases import Authority, Mode, ResponseType
from contracts.ids import is_opaque_id
from services.cases.domain.charter import Charter, Line, StepRule
from services.cases.domain.repertoire import DEEDS, EVIDENCE_KEEPING, NOTIFY, PERSON, TASK, Deed, fits
from services.cases.domain.windows import Window, WindowKind


def contradictions(charter: Charter, connectors: Sequence[str] | None = None) -> tuple[FieldViolation, ...]:
    """Every contradiction, by path. `connectors` are the configured ones; None leaves their names unchecked."""
    return tuple(_all(charter, connectors))


def _all(charter: Charter, connectors: Sequence[str] | None) -> Iterator[FieldViolation]:
    yield from _duplicates([line.id for line in charter.lines], "lines", "id")
    yield from _duplicates([window.name for window in charter.windows], "windows", "name")
    yield from _duplicates([tripwire.name for tripwire in charter.tripwires], "tripwires", "name")
    yield from _duplicates([checklist.id for checklist in charter.closing], "closing", "id")
    yield from _duplicates([contact.contact for contact in charter.contacts], "contacts", "contact")
    for index, window in enumerate(charter.windows):
        yield from _window(f"windows[{index}]", window)
    for index, contact in enumerate(charter.contacts):
        if not is_opaque_id(contact.principal, "principal"):
            yield FieldViolation(f"contacts[{index}].principal", f"{contact.principal!r} is no principal's identifier")
    for index, protected in enumerate(charter.protected_classes):
        for action in protected.forbid:
            if action not in DEEDS:
                yield FieldViolation(f"protected_classes[{index}].forbid", f"unknown action {action!r}")
    for index, line in enumerate(charter.lines):
        yield from _line(f"lines[{index}]", line, charter, connectors)


def unknown_messengers(charter: Charter, messengers: Sequence[str]) -> tuple[FieldViolation, ...]:
    """Channels that nothing configured could bring a message over."""
    return tuple(
        FieldViolation(f"contacts[{index}].channels[{place}].via", f"unknown messenger {channel.via!r}")
        for index, contact in enumerate(charter.contacts)
        for place, channel in enumerate(contact.channels)
        if channel.via and channel.via not in messengers
    )


def _window(path: str, window: Window) -> Iterator[FieldViolation]:
    span = window.start is not None and window.end is not None
    if span == (window.weekly is not None):
        yield FieldViolation(path, "needs either start and end, or weekly")
    elif window.start and window.end and window.start >= window.end:
        yield FieldViolation(path, "ends before it starts")


def _line(path: str, line: Line, charter: Charter, connectors: Sequence[str] | None) -> Iterator[FieldViolation]:
    names = {window.name for window in charter.windows}
    for field in ("during", "outside"):
        for name in getattr(line.when, field):
            if name not in names:
                yield FieldViolation(f"{path}.when.{field}", f"unknown window {name!r}")
    steps = {step.id: step for step in line.then.steps}
    yield from _duplicates([step.id for step in line.then.steps], f"{path}.then.steps", "id")
    yield from _observe(path, line, charter)
    for index, step in enumerate(line.then.steps):
        where = f"{path}.then.steps[{index}]"
        for name in step.after:
            if name not in steps:
                yield FieldViolation(f"{where}.after", f"unknown step {name!r}")
        if step.id in ancestors(step.id, steps):
            yield FieldViolation(f"{where}.after", f"the step {step.id!r} waits for itself")
        yield from _step(where, step, steps, charter, connectors)
        for protected in charter.protected_classes:
            if step.do in protected.forbid and set(line.when.classes) == {protected.asset_class}:
                yield FieldViolation(f"{where}.do", f"{step.do!r} is forbidden on {protected.asset_class.value}")


def _observe(path: str, line: Line, charter: Charter) -> Iterator[FieldViolation]:
    if line.then.mode is not Mode.OBSERVE:
        if line.then.observe is not None:
            yield FieldViolation(f"{path}.then.observe", "only a line whose mode is observe has this")
        return
    observe = line.then.observe
    if observe is None:
        yield FieldViolation(f"{path}.then.observe", "observing needs an approver, a scope, tripwires and a deadline")
        return
    if observe.approver not in {contact.contact for contact in charter.contacts}:
        yield FieldViolation(f"{path}.then.observe.approver", f"unknown contact {observe.approver!r}")
    fallback = charter.line(observe.then)
    if fallback is None or fallback.then.mode is not Mode.STOP:
        yield FieldViolation(f"{path}.then.observe.then", f"{observe.then!r} is no line whose mode is stop")
    for asset_class in line.when.classes:
        if charter.protection(asset_class) is not None:
            yield FieldViolation(
                f"{path}.then.mode", f"observe is forbidden on the protected class {asset_class.value}"
            )
    authorities = {step.authority for step in line.then.steps}
    if not authorities & {Authority.CUSTOMER, Authority.TWO_PERSONS}:
        yield FieldViolation(f"{path}.then.steps", "observing needs a step that the customer approves")


def _step(
    path: str, step: StepRule, steps: dict[str, StepRule], charter: Charter, connectors: Sequence[str] | None
) -> Iterator[FieldViolation]:
    window = next((window for window in charter.windows if window.name == step.window), None)
    if step.window is not None and (window is None or window.kind is not WindowKind.SERVICE):
        yield FieldViolation(f"{path}.window", f"unknown service window {step.window!r}")
    if step.do in (TASK, NOTIFY):
        yield from _person_step(path, step)
        return
    deed = DEEDS.get(step.do)
    if deed is None:
        yield FieldViolation(f"{path}.do", f"unknown action {step.do!r}; known are {', '.join(sorted(DEEDS))}")
        return
    if step.connector == PERSON:
        yield FieldViolation(f"{path}.connector", "an action needs a connector; give a person a task instead")
    elif connectors is not None and step.connector not in connectors:
        yield FieldViolation(f"{path}.connector", f"unknown connector {step.connector!r}")
    yield from _deed_step(path, step, deed, steps)


def _person_step(path: str, step: StepRule) -> Iterator[FieldViolation]:
    if step.connector != PERSON:
        yield FieldViolation(f"{path}.connector", "a task or a notice is done by a person")
    if step.do == TASK and not step.task:
        yield FieldViolation(f"{path}.task", "a task says what is to be done")
    if step.on != "case" or step.limit_seconds is not None:
        yield FieldViolation(path, "a task or a notice is for the case and has no limit")
    if step.authority is Authority.PREAUTHORISED:
        yield FieldViolation(f"{path}.authority", "only an action of a connector can be pre-authorised")


def _deed_step(path: str, step: StepRule, deed: Deed, steps: dict[str, StepRule]) -> Iterator[FieldViolation]:
    wanted = "accounts" if fits(deed, AssetKind.ACCOUNT) else "devices"
    if step.on != wanted:
        yield FieldViolation(f"{path}.on", f"{step.do!r} is done to {wanted}")
    if deed.active and step.authority is Authority.PROVIDER:
        yield FieldViolation(f"{path}.authority", "an active step needs the customer's word")
    if deed.active and step.type in (ResponseType.INVESTIGATE, ResponseType.NOTIFY):
        yield FieldViolation(f"{path}.type", f"{step.type.value} never does anything active")
    if step.type is ResponseType.CONTAIN and step.limit_seconds is None:
        yield FieldViolation(f"{path}.limit_seconds", "containment ends by itself: it needs a limit")
    if (step.type is ResponseType.CONTAIN or step.limit_seconds is not None) and deed.reverse is None:
        yield FieldViolation(f"{path}.do", f"{step.do!r} cannot be reversed, so it cannot have a limit or contain")
    if deed.destructive and not step.without_evidence and not _evidence_before(step, steps):
        yield FieldViolation(
            f"{path}.after", "destroys volatile evidence before any is kept; say why by without_evidence"
        )


def _evidence_before(step: StepRule, steps: dict[str, StepRule]) -> bool:
    return any(steps[name].do in EVIDENCE_KEEPING for name in ancestors(step.id, steps) if name in steps)


def ancestors(step_id: str, steps: dict[str, StepRule]) -> set[str]:
    """Every step that has to be done before this one; contains the step itself when the order runs in a circle."""
    found: set[str] = set()
    waiting = list(steps[step_id].after)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += steps[name].after if name in steps else ()
    return found


def _duplicates(names: Sequence[str], path: str, key: str) -> Iterator[FieldViolation]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield FieldViolation(f"{path}[{index}].{key}", f"{name!r} stands twice")
