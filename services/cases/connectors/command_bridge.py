"""Orders by an operator's own programs: a fixed list of them, no shell, a time limit, OpenC2 on their standard streams.

A program gets the OpenC2 command on its standard input, exactly as a webhook's receiver would, and prints the OpenC2
response on its standard output. Nothing of an order ever becomes a part of a command line: what names a target is data,
and stays data. The receiver's duties are the same as a webhook's: keep the command's identifier, answer `query`.
"""

import os
from typing import ClassVar

from contracts.canonical import encode
from services.cases.config import CommandBridgeConfig, Program
from services.cases.connectors.openc2_answer import json_of, of_sending, state_of, understood
from services.cases.connectors.openc2_body import command_body, query_body
from services.cases.connectors.port import Acknowledged, ConnectorMisconfigured, NotSeen, Order, Refused, Unknown
from services.cases.connectors.programs import NotStarted, check, run
from services.cases.domain.repertoire import DEEDS


class CommandBridge:
    rehearsal: ClassVar[bool] = False

    def __init__(self, config: CommandBridgeConfig) -> None:
        """Raises ConnectorMisconfigured for an action that the profile lacks, and for a program that is not safe."""
        unknown = sorted(set(config.programs) - set(DEEDS))
        if unknown:
            raise ConnectorMisconfigured(f"The connector {config.name} names actions that do not exist: {unknown}.")
        for program in (*config.programs.values(), config.query, config.read_back):
            check(config.name, program)
        self.name = config.name
        self._config = config

    async def healthy(self) -> bool:
        programs = (*self._config.programs.values(), self._config.query, self._config.read_back)
        return all(os.access(program.argv[0], os.X_OK) for program in programs)

    async def send(self, order: Order) -> Acknowledged | Refused | Unknown:
        program = self._config.programs.get(f"{order.action} {order.argument}")
        if program is None:
            return Refused("NOT_ALLOWED", "No program is listed for this action.")
        try:
            return of_sending(await self._ask(program, command_body(order)))
        except NotStarted:
            return Refused("NOT_STARTED", "The program could not be started, so nothing has changed.")

    async def find(self, order: Order) -> Acknowledged | Refused | NotSeen | Unknown:
        try:
            return await self._ask(self._config.query, query_body(order))
        except NotStarted:
            return Unknown("NOT_STARTED")

    async def read_back(self, target: str) -> dict[str, str] | Unknown:
        try:
            output = await self._run(self._config.read_back, encode({"target": target}))
        except NotStarted:
            return Unknown("NOT_STARTED")
        if isinstance(output, Unknown):
            return output
        state = state_of(json_of(output))
        return Unknown("UNINTELLIGIBLE") if state is None else state

    async def close(self) -> None:
        return None

    async def _ask(self, program: Program, body: bytes) -> Acknowledged | Refused | NotSeen | Unknown:
        """Raises NotStarted."""
        output = await self._run(program, body)
        if isinstance(output, Unknown):
            return output
        content = json_of(output)
        status = content.get("status") if isinstance(content, dict) else None
        return understood(status, content) if isinstance(status, int) else Unknown("UNINTELLIGIBLE")

    async def _run(self, program: Program, given: bytes) -> bytes | Unknown:
        """What the program printed. Raises NotStarted, and then nothing has happened."""
        ended = await run(self.name, program, given, self._config.timeout_seconds)
        if isinstance(ended, Unknown):
            return ended
        return ended.output if ended.code == 0 else Unknown(f"EXIT_{ended.code}")
