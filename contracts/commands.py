"""The base of every command: frozen, for one tenant, with the caller's request id (AIP-155)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel

from contracts.canonical import digest
from contracts.events.base import Value
from contracts.ids import TenantId


@dataclass(frozen=True, slots=True)
class _PrivateMark:
    """Marks a command's field whose value will be sealed, and so may not enter the digest that the ledger keeps."""


Private = Annotated[str, _PrivateMark()]


class Command(Value):
    """What a caller wants. Fields that will be sealed are declared `Private` (also inside lists and nested values)."""

    tenant_id: TenantId
    request_id: str


def command_digest(command: Command) -> str:
    """SHA-256 over the command's name and its fields without the private ones and without the request id."""
    return digest([type(command).__name__, _public(command)])


@cache
def _public_fields(cls: type[BaseModel]) -> tuple[str, ...]:
    """Found once a class, because looking into annotations took longer than the digest itself."""
    fields = cls.model_fields.items()
    return tuple(name for name, info in fields if name != "request_id" and "_PrivateMark" not in repr(info))


def private_words(command: Command) -> list[tuple[str, str | None]]:
    """What the command's digest leaves out, in order: the place of each private text, and the text or None."""
    return list(_private(command, ""))


@cache
def _private_fields(cls: type[BaseModel]) -> tuple[str, ...]:
    return tuple(name for name, info in cls.model_fields.items() if "_PrivateMark" in repr(info))


def _private(value: Any, path: str) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, BaseModel):
        hidden = _private_fields(type(value))
        for name in type(value).model_fields:
            yield from _texts(getattr(value, name), f"{path}/{name}", hidden=name in hidden)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _private(item, f"{path}/{index}")


def _texts(value: Any, path: str, *, hidden: bool) -> Iterator[tuple[str, str | None]]:
    if not hidden:
        yield from _private(value, path)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}/{index}", hidden=True)
    else:
        yield path, value


def _public(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _public(getattr(value, name)) for name in _public_fields(type(value))}
    if isinstance(value, list | tuple | frozenset | set):
        items = [_public(item) for item in value]
        return sorted(items, key=repr) if isinstance(value, frozenset | set) else items
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)
