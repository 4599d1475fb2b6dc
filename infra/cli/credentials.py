"""Who a command is made as: `--as NAME` at the local issuer, else `TENET_TOKEN`, else `TENET_API_KEY`."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from infra.auth.issuer_keys import read_secret
from infra.cli.problems import Problem, UsageProblem
from infra.grpc.channel import Authorization

TOKEN_VARIABLE = "TENET_TOKEN"  # noqa: S105  # The name of a variable.
API_KEY_VARIABLE = "TENET_API_KEY"
RENEW_BEFORE_SECONDS = 60.0
ISSUER_TIMEOUT_SECONDS = 10.0
NAME_REFUSED = 400


def fixed_token(token: str) -> Authorization:
    """Raises UsageProblem for what no header can carry."""
    _one_word(TOKEN_VARIABLE, token)

    async def authorization() -> str:
        return f"Bearer {token}"

    return authorization


def fixed_api_key(credential: str) -> Authorization:
    """`credential` is `<key id>.<secret>`, as it was issued. Raises UsageProblem for what no header can carry."""
    _one_word(API_KEY_VARIABLE, credential)

    async def authorization() -> str:
        return f"ApiKey {credential}"

    return authorization


def _one_word(variable: str, credential: str) -> None:
    if not credential.isascii() or not credential.isprintable() or " " in credential:
        raise UsageProblem(f"{variable} holds more than one credential, or something else.")


class LocalTokens:
    """Tokens of the local issuer for one name, renewed before they expire. For trials on this machine only."""

    def __init__(self, issuer: str, secret_directory: Path, name: str) -> None:
        """`issuer` is its `host:port`. The name is not checked here: who may be whom is for Tenet to say."""
        self._url, self._directory, self._name = f"http://{issuer}/token", secret_directory, name
        self._token, self._good_until = "", 0.0

    async def __call__(self) -> str:
        """The `authorization` header. Raises Problem."""
        if time.monotonic() >= self._good_until:
            await self._renew()
        return f"Bearer {self._token}"

    async def _renew(self) -> None:
        try:
            content = await asyncio.to_thread(self._fetch)
        except urllib.error.HTTPError as error:
            if error.code == NAME_REFUSED:
                raise Problem("NAME_INVALID", f"{self._name!r} is not a name that the local issuer takes.") from error
            raise _unreachable(f"it answered {error.code}") from error
        except (OSError, ValueError) as error:
            raise _unreachable(str(error)) from error
        self._token = content["access_token"]
        self._good_until = time.monotonic() + content["expires_in"] - RENEW_BEFORE_SECONDS

    def _fetch(self) -> dict[str, Any]:
        """By the standard library: a client of a whole HTTP package would cost each command a third of a second."""
        request = urllib.request.Request(  # noqa: S310  # The address always begins with http://.
            self._url,
            data=json.dumps({"name": self._name}).encode(),
            headers={"authorization": f"Bearer {read_secret(self._directory)}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=ISSUER_TIMEOUT_SECONDS) as answer:  # noqa: S310  # See above.
            content: dict[str, Any] = json.load(answer)
            return content


def _unreachable(why: str) -> Problem:
    return Problem(
        "ISSUER_UNREACHABLE",
        f"The local issuer gave no token: {why}.",
        hint="`--as NAME` works on the machine and account that run ./tenet up; elsewhere set TENET_TOKEN.",
    )
