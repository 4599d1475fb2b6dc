"""How a report says things to a person: amounts with their units, durations, runs of positions, owners."""

from collections.abc import Mapping
from typing import Any

NOT_KNOWN = "not known"

TITLES = {
    "charter": "Approve a version of the charter",
    "approval": "Approve or reject a response plan",
    "notice": "Acknowledge a notice",
    "enquiry": "Answer: did you expect this?",
    "fix": "Fix a confirmed weakness",
    "sensor": "Bring a silent sensor back",
    "recommendation": "Consider a recommendation",
}
"""What is asked of the customer, by kind of need."""

OWNERS = {"customer_approver": "your approvers", "customer_viewer": "your readers", "lead": "our lead analyst"}

_ACTORS = {"policy": "Tenet, by rule", "timer": "Tenet, by timer"}
_SHORT = 6


def amount(value: int | None, unit: str) -> str:
    if value is None:
        return NOT_KNOWN
    match unit:
        case "milliseconds":
            return duration_text(value)
        case "permille":
            return f"{value // 10}.{value % 10} %"
        case "bytes":
            return bytes_text(value)
        case _:
            return grouped(value)


def grouped(value: int) -> str:
    """With a narrow no-break space between thousands (SI brochure, 5.4.4)."""
    return f"{value:,}".replace(",", "\u202f")


def bytes_text(value: int | None) -> str:
    """Rounded down to a tenth of the largest decimal unit that fits."""
    if value is None:
        return NOT_KNOWN
    for name, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if value >= size:
            tenths = 10 * value // size
            return f"{tenths // 10}.{tenths % 10} {name}"
    return f"{value} B"


def duration_text(milliseconds: int | None) -> str:
    """The two largest units, rounded down."""
    if milliseconds is None:
        return NOT_KNOWN
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    seconds = milliseconds // 1_000
    sizes = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts: list[tuple[int, str]] = []
    for name, size in sizes:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append((count, name))
    return " ".join(f"{count} {name}" for count, name in parts[:2] if count)


def positions_text(source: dict[str, Any]) -> str:
    """Such as `3–5, 9 (4 entries)`."""
    if source["total"] == 0:
        return "no entry"
    runs = [str(first) if first == last else f"{first}–{last}" for first, last in source["runs"]]
    total = grouped(source["total"])
    more = f" and {source['runs_omitted']} further runs" if source["runs_omitted"] else ""
    return f"{', '.join(runs)}{more} ({total} {'entry' if source['total'] == 1 else 'entries'})"


def who(actor_id: str, names: Mapping[str, str]) -> str:
    """A rule or timer of Tenet by its name; a person by theirs where it may be shown, else by the identifier's end."""
    if actor_id in names:
        return names[actor_id]
    kind, _, name = actor_id.partition(":")
    if name:
        return f"{_ACTORS.get(kind, kind)}: {spaced(name)}"
    return f"{actor_id.partition('-')[0]} …{end_of(actor_id)}"


def end_of(identifier: str) -> str:
    return identifier[-_SHORT:]


def spaced(text: str) -> str:
    return text.replace("_", " ")
