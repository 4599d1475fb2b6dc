"""What a rule's expression means, without masks, databases or memory: slow, short, and right.

The engine is tested against it on every record, and asks it wherever its own answer is only "perhaps".
"""

from collections.abc import Iterable, Mapping
from typing import Any

from services.detections.domain.sigma.expressions import KEYWORDS, And, Atom, Expression, Kind, Not, Or, predicate_of

Fields = Mapping[str, Any]


def holds(expression: Expression, fields: Fields) -> bool:
    """Whether a record, as the fields of its log source, fulfils an expression."""
    match expression:
        case And(items):
            return all(holds(item, fields) for item in items)
        case Or(items):
            return any(holds(item, fields) for item in items)
        case Not(item):
            return not holds(item, fields)
        case Atom(kind=Kind.NULL):
            return fields.get(expression.field) is None
        case Atom(kind=Kind.EXISTS):
            return expression.field in fields
        case Atom(kind=Kind.FIELD_REFERENCE):
            return _refers(expression, fields)
        case Atom(field=name) if name == KEYWORDS:
            return predicate_of(expression)(text_of_record(fields))
        case Atom():
            test = predicate_of(expression)
            return any(test(text) for text in texts_of(fields.get(expression.field)))


def text_of_record(fields: Fields) -> str:
    """What keywords are looked for in: all values, one a line."""
    return "\n".join([value if type(value) is str else "\n".join(texts_of(value)) for value in fields.values()])


def texts_of(value: Any) -> Iterable[str]:
    """A field's value as rules see it: none for null, one for a plain value, each member's for a list."""
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return [as_text(member) for member in value if member is not None]
    return (as_text(value),)


def as_text(value: Any) -> str:
    """A plain value as rules see it: numbers and their texts are the same, `true` is not `1`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _refers(atom: Atom, fields: Fields) -> bool:
    """Whether a field equals, holds, or starts or ends with another of the same record; an absent one never does."""
    left = [text.lower() for text in texts_of(fields.get(atom.field))]
    right = [text.lower() for text in texts_of(fields.get(atom.operand))]
    if atom.detail == "starts":
        return any(one.startswith(other) for one in left for other in right)
    if atom.detail == "ends":
        return any(one.endswith(other) for one in left for other in right)
    if atom.detail == "contains":
        return any(other in one for one in left for other in right)
    return any(one == other for one in left for other in right)
