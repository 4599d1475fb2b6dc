"""An OpenID-like issuer for trials on one machine: it gives a token for any name to whoever can read its secret file.

    python -m infra.auth.local_issuer            settings come from TENET_*, as for every process
    python -m infra.auth.local_issuer --rotate   signs with a new key from now on

It knows no passwords and no people, and says so loudly when it starts. A real issuer takes its place by `BindIssuer`.
"""

import argparse
import asyncio
import hmac
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import OKPKey
from pydantic import BaseModel, Field, ValidationError

from infra.auth.issuer_keys import IssuerFiles
from infra.runtime.settings import LOOPBACK, Settings
from infra.telemetry.logs import configure_logs

TOKEN_SECONDS = 3_600
MAX_TOKEN_SECONDS = 12 * 3_600
MAX_REQUEST_BYTES = 4_096
CLOCK_SKEW_SECONDS = 5

log = structlog.get_logger()


class TokenRequest(BaseModel):
    """Whom a token is for; only the name has to be there."""

    name: str = Field(pattern=r"^[a-z][a-z0-9._-]{0,63}$")
    seconds: int = Field(default=TOKEN_SECONDS, gt=0, le=MAX_TOKEN_SECONDS)
    acr: str = Field(default="local", max_length=64)
    amr: list[str] = Field(default=["pwd"], max_length=8)


class LocalIssuer:
    """`url` is its name in tokens; it signs with the first key and publishes all."""

    def __init__(self, url: str, audience: str, keys: Sequence[OKPKey], secret: str) -> None:
        self._url, self._audience, self._keys, self._secret = url, audience, keys, secret

    def application(self) -> web.Application:
        application = web.Application(client_max_size=MAX_REQUEST_BYTES)
        application.router.add_get("/.well-known/openid-configuration", self._configuration)
        application.router.add_get("/jwks", self._jwks)
        application.router.add_post("/token", self._token)
        return application

    def token(
        self, name: str, *, seconds: int = TOKEN_SECONDS, acr: str = "local", amr: Sequence[str] = ("pwd",)
    ) -> str:
        """A signed token for the subject `name`."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._url,
            "sub": name,
            "aud": [self._audience],
            "iat": now,
            "nbf": now - CLOCK_SKEW_SECONDS,
            "exp": now + seconds,
            "auth_time": now,
            "acr": acr,
            "amr": list(amr),
        }
        key = self._keys[0]
        return jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, key, algorithms=["Ed25519"])

    async def _configuration(self, _request: web.Request) -> web.Response:
        return _json(
            {
                "issuer": self._url,
                "jwks_uri": f"{self._url}/jwks",
                "token_endpoint": f"{self._url}/token",
                "id_token_signing_alg_values_supported": ["Ed25519"],
                "insecure": True,
            }
        )

    async def _jwks(self, _request: web.Request) -> web.Response:
        return _json({"keys": [key.as_dict(private=False) for key in self._keys]})

    async def _token(self, request: web.Request) -> web.Response:
        shown = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(shown, f"Bearer {self._secret}".encode()):
            return _json({"error": "invalid_client"}, status=401)
        try:
            asked = TokenRequest.model_validate_json(await request.read())
        except ValidationError:
            return _json({"error": "invalid_request"}, status=400)
        token = self.token(asked.name, seconds=asked.seconds, acr=asked.acr, amr=asked.amr)
        return _json({"access_token": token, "token_type": "Bearer", "expires_in": asked.seconds})


async def serve(settings: Settings, *, rotate: bool = False) -> None:
    """Serves on loopback until SIGTERM or SIGINT."""
    files = IssuerFiles(settings.issuer_dir)
    keys = files.rotate() if rotate else files.signing_keys()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    url = settings.issuer_url or f"http://{LOOPBACK}:{settings.issuer_port}"
    runner = web.AppRunner(LocalIssuer(url, settings.audience, keys, files.secret()).application(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, settings.issuer_port).start()
        _announce(url)
        await stopping.wait()
    finally:
        await runner.cleanup()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.auth.local_issuer")
    parser.add_argument("--rotate", action="store_true", help="sign with a new key from now on")
    chosen = parser.parse_args(arguments)
    settings = Settings.from_env()
    configure_logs("issuer", settings.log_level)
    asyncio.run(serve(settings, rotate=chosen.rotate))
    return 0


def _announce(url: str) -> None:
    log.warning(
        "insecure_local_issuer",
        url=url,
        meaning="INSECURE: this issuer makes tokens for any name, without a password. For trials on this machine only.",
    )


def _json(value: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


if __name__ == "__main__":
    sys.exit(main())
