"""The stage: who is asked what, what the audience reads, and the refusals that every example has to show."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from google.protobuf.message import Message

from infra.cli.credentials import LocalTokens, fixed_api_key
from infra.cli.progress import Taken
from infra.cli.session import Positions, Session
from infra.grpc.status import RemoteError

R = TypeVar("R", bound=Message)
T = TypeVar("T")

FIRST_LOOK_SECONDS = 0.03
LONGEST_PAUSE_SECONDS = 0.4
PATIENCE_SECONDS = 45.0
"""How long the play waits for something that a policy or timer of Tenet does by itself."""


class StoryBroken(Exception):
    """Something did not happen, or happened that ought not to: the demonstration ends with what it was."""


class Audience(Protocol):
    """What shows the play: a terminal, or nothing in a test."""

    def title(self, text: str, meaning: str) -> None: ...
    def line(self, who: str, text: str) -> None: ...
    def shown(self, text: str) -> None: ...
    def verified(self, text: str) -> None: ...
    def refused(self, who: str, text: str, reason: str, message: str) -> None: ...
    def sending(self, files: Sequence[Path]) -> AbstractContextManager[Taken]: ...


class Nobody:
    """An audience that sees nothing."""

    def title(self, text: str, meaning: str) -> None: ...
    def line(self, who: str, text: str) -> None: ...
    def shown(self, text: str) -> None: ...
    def verified(self, text: str) -> None: ...
    def refused(self, who: str, text: str, reason: str, message: str) -> None: ...

    def sending(self, files: Sequence[Path]) -> AbstractContextManager[Taken]:
        return nullcontext(lambda _batch: None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the system is: the services' addresses, the local issuer, and the directories of its state."""

    addresses: dict[str, str]
    issuer: str
    issuer_dir: Path
    secrets_dir: Path
    actuator: str


@dataclass(frozen=True, slots=True)
class Refusal:
    tenant_id: str
    who: str
    reason: str


@dataclass
class Stage:
    """Makes every call of the play, each as somebody. `async with` closes the connections."""

    place: Place
    audience: Audience = field(default_factory=Nobody)
    refusals: list[Refusal] = field(default_factory=list)
    principals: dict[str, str] = field(default_factory=dict)
    """Principal by name."""
    assets: dict[tuple[str, str], str] = field(default_factory=dict)
    """Asset by tenant and name."""
    sensors: dict[str, str] = field(default_factory=dict)
    """Sensor by tenant."""
    api_keys: dict[str, str] = field(default_factory=dict)
    """Credential by the name of its machine."""

    def __post_init__(self) -> None:
        self._positions = Positions()
        self._sessions: dict[str, Session] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def session(self, who: str) -> Session:
        if who not in self._sessions:
            credential = self.api_keys.get(who)
            token = LocalTokens(self.place.issuer, self.place.issuer_dir, who)
            authorization = fixed_api_key(credential) if credential else token
            opened = Session(self.place.addresses, authorization, self._positions)
            self._sessions[who] = await self._stack.enter_async_context(opened)
        return self._sessions[who]

    async def ask(self, who: str, request: Message, answer: type[R]) -> R:
        """Raises RemoteError."""
        return await (await self.session(who)).ask(request, answer)

    async def refused(self, who: str, text: str, reason: str, request: Message, answer: type[Message]) -> None:
        """A call that must not go through, for exactly this reason. Raises StoryBroken when it does."""
        try:
            await self.ask(who, request, answer)
        except RemoteError as error:
            if error.reason != reason:
                raise StoryBroken(f"{who} {text}: expected {reason}, got {error}") from error
            tenant_id: str = getattr(request, "tenant_id", "")
            self.refusals.append(Refusal(tenant_id, who, reason))
            self.audience.refused(who, text, reason, error.message)
            return
        raise StoryBroken(f"{who} {text}: this should have been refused with {reason}")

    async def until(self, what: str, look: Callable[[], Coroutine[Any, Any, T | None]]) -> T:
        """Looks until something is there. Raises StoryBroken after PATIENCE_SECONDS."""
        ends, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_LOOK_SECONDS
        while (found := await look()) is None:
            if time.monotonic() > ends:
                raise StoryBroken(f"{what} did not happen within {PATIENCE_SECONDS:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
        return found


async def all_at_once(works: list[Awaitable[T]], at_most: int = 8) -> list[T]:
    """Results in order; `at_most` at a time, because the machine of a trial is small."""
    gate = asyncio.Semaphore(at_most)

    async def one(work: Awaitable[T]) -> T:
        async with gate:
            return await work

    return list(await asyncio.gather(*(one(work) for work in works)))
