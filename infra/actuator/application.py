"""The actuator's HTTP interface: commands and messages in, state out, and the control that makes it misbehave."""

import asyncio
import hmac
import json
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from infra.actuator.credentials import Credentials
from infra.actuator.openc2 import EFFECTS, Command, CommandMalformed, Query, read_command
from infra.actuator.state import EVERY_TARGET, ActuatorState, Behaviour, Outcome

MAX_BODY_BYTES = 65_536
MAX_HANG_SECONDS = 120.0
CONTENT_TYPE = "application/openc2-rsp+json;version=1.0"
STAND_IN = "Tenet reference actuator: a stand-in, it protects nothing"

log = structlog.get_logger()


class Actuator:
    def __init__(
        self, state: ActuatorState, credentials: Credentials, *, hang_seconds: float = MAX_HANG_SECONDS
    ) -> None:
        self._state, self._credentials, self._hang_seconds = state, credentials, hang_seconds
        self._webhook, self._room = Webhook(credentials.webhook), Webhook(credentials.room)

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.add_routes(
            [
                web.get("/health", self.health),
                web.post("/openc2", self.command),
                web.get("/state/{target}", self.state),
                web.get("/effects/{command_id}", self.effects),
                web.post("/room", self.message),
                web.get("/room", self.messages),
                web.post("/control", self.control),
            ]
        )
        return application

    async def health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "serving", "is": STAND_IN})

    async def command(self, request: web.Request) -> web.Response:
        """POST /openc2, signed (Standard Webhooks) over the exact bytes; `webhook-id` is the command's identifier."""
        body = await request.read()
        try:
            # The library reads the body as JSON only once the signature is right.
            asked = read_command(self._webhook.verify(body, dict(request.headers)))
        except WebhookVerificationError:
            return _answer(Outcome(401, "the signature is missing, wrong or too old", ""))
        except (CommandMalformed, ValueError, RecursionError) as error:
            return _answer(Outcome(400, str(error)[:200], ""))
        if isinstance(asked, Query):
            known = self._state.find(asked.command_id)
            return _answer(known or Outcome(404, "no such command was taken", ""))
        if request.headers.get("webhook-id") != asked.command_id:
            return _answer(Outcome(400, "webhook-id and command_id differ", ""))
        return await self._obey(asked)

    async def _obey(self, command: Command) -> web.Response:
        known = self._state.find(command.command_id)
        if known is not None:
            return _answer(known)
        effect = EFFECTS.get((command.action, command.argument))
        if effect is None:
            return self._finish(command, None, Outcome(501, "this action is not in the profile", ""))
        behaviour = self._state.behaviour_for(command.target)
        done = Outcome(200, "done", f"receipt-{command.command_id[-12:]}")
        match behaviour:
            case Behaviour.OBEY:
                return self._finish(command, effect, done)
            case Behaviour.LIE:
                return self._finish(command, None, done)
            case Behaviour.REFUSE:
                return self._finish(command, None, Outcome(403, "told to refuse", ""))
            case Behaviour.FAIL:
                return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
            case Behaviour.FAIL_AFTER:
                self._finish(command, effect, done)
                return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)
            case Behaviour.HANG | Behaviour.HANG_AFTER:
                if behaviour is Behaviour.HANG_AFTER:
                    self._finish(command, effect, done)
                await asyncio.sleep(self._hang_seconds)
                return web.Response(status=HTTPStatus.GATEWAY_TIMEOUT)

    def _finish(self, command: Command, effect: tuple[str, str] | None, outcome: Outcome) -> web.Response:
        first = self._state.carry_out(command.command_id, command.target, effect, outcome)
        log.info("actuator_command", command=command.command_id, action=command.action, status=first.status)
        return _answer(first)

    async def state(self, request: web.Request) -> web.Response:
        """GET /state/{target} with `Authorization: Bearer <reading>`: the other path, by which effects are observed."""
        if not _bears(request, self._credentials.reading):
            return web.json_response({"error": "unauthorised"}, status=HTTPStatus.UNAUTHORIZED)
        return web.json_response(self._state.state_of(request.match_info["target"]))

    async def effects(self, request: web.Request) -> web.Response:
        if not _bears(request, self._credentials.reading):
            return web.json_response({"error": "unauthorised"}, status=HTTPStatus.UNAUTHORIZED)
        return web.json_response({"effects": self._state.effects_of(request.match_info["command_id"])})

    async def message(self, request: web.Request) -> web.Response:
        """POST /room, signed likewise, with `{"text": …}`: what a chat room's incoming webhook takes."""
        try:
            content: Any = self._room.verify(await request.read(), dict(request.headers))
            text = content["text"]
        except WebhookVerificationError:
            return web.Response(status=HTTPStatus.UNAUTHORIZED, text="the signature is missing, wrong or too old")
        except (ValueError, KeyError, TypeError, RecursionError):
            return web.Response(status=HTTPStatus.BAD_REQUEST, text="a message is an object with a text")
        self._state.post(request.headers["webhook-id"], str(text))
        return web.Response(text="ok")

    async def messages(self, request: web.Request) -> web.Response:
        if not _bears(request, self._credentials.reading):
            return web.json_response({"error": "unauthorised"}, status=HTTPStatus.UNAUTHORIZED)
        return web.json_response({"messages": self._state.posted()})

    async def control(self, request: web.Request) -> web.Response:
        """POST /control with `Authorization: Bearer <control>` and `{"behaviour": "lie", "target": "dev-1"}`."""
        if not _bears(request, self._credentials.control):
            return web.json_response({"error": "unauthorised"}, status=HTTPStatus.UNAUTHORIZED)
        try:
            content: Any = json.loads(await request.read())
            behaviour = Behaviour(content["behaviour"])
            target = str(content.get("target", EVERY_TARGET))
        except (ValueError, KeyError, TypeError, AttributeError):
            known = ", ".join(Behaviour)
            return web.json_response({"error": f"behaviour is one of {known}"}, status=HTTPStatus.BAD_REQUEST)
        self._state.behave(target, behaviour)
        log.warning("actuator_told_to_behave", behaviour=behaviour.value, target=target)
        return web.json_response({"behaviour": behaviour.value, "target": target})


def _answer(outcome: Outcome) -> web.Response:
    """An OpenC2 response (Language Specification v1.0, 3.3.2); the HTTP status is the same, as HTTPS transfer asks."""
    content = {
        "status": outcome.status,
        "status_text": outcome.text,
        "results": {"x-tenet": {"receipt": outcome.receipt}},
    }
    return web.Response(
        status=outcome.status, body=json.dumps(content).encode(), headers={"Content-Type": CONTENT_TYPE}
    )


def _bears(request: web.Request, token: str) -> bool:
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(shown.encode(), token.encode())
