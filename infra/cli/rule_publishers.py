"""`tenet rules key`, `sign`, `trust`, `distrust`, `publishers`: signatures on rule packs, and whose count.

`key` and `sign` are for who publishes packs, and need no server.
"""

import hashlib
import os
from pathlib import Path

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tenet.detections.v1 import detections_admin_pb2 as admin
from tenet.detections.v1 import detections_read_pb2 as read

from contracts.errors import TenetError
from infra.cli.connection import As, Json, Server, call
from infra.cli.output import say, show_json, show_table
from infra.cli.packs import NAME, pack_of
from infra.cli.problems import Problem, UsageProblem, run
from infra.cli.session import Session
from infra.cli.words import sealed, time_of
from infra.transparency.notes import Signer, is_key_name
from infra.transparency.signed_packs import sign_pack

MAX_SIGNATURE_BYTES = 64 * 1024
"""The most that Tenet takes."""
MAX_KEY_NAME_CHARACTERS = 200
_PRIVATE_MODE = 0o600
_PUBLIC_MODE = 0o644
Key = typer.Argument(..., metavar="KEY", help="The publisher's verifier key: name, key id and public key.")
Why = typer.Option(..., "--reason", help="Why. Sealed.")


def add_to(app: typer.Typer) -> None:
    app.command("key")(make_key)
    app.command("sign")(sign)
    app.command("trust")(trust)
    app.command("distrust")(distrust)
    app.command("publishers")(list_publishers)


def signed_by(verifier_key: str) -> str:
    """The signer's name with its key id; the key itself is among the publishers."""
    return f"signed by {verifier_key.rpartition('+')[0]}" if verifier_key else "unsigned"


def signature_of(path: Path) -> bytes:
    """Raises UsageProblem."""
    if not path.is_file():
        raise UsageProblem(f"{path} is not there.")
    content = path.read_bytes()
    if not content or len(content) > MAX_SIGNATURE_BYTES:
        raise UsageProblem(f"{path} is no signature: it has {len(content)} bytes.")
    return content


def make_key(
    name: str = typer.Argument(..., metavar="NAME", help="The publisher's name, such as rules.example.org."),
    output: Path = typer.Option(..., "-o", "--output", metavar="FILE", help="Where the private key is to be."),
) -> None:
    """Make a key that signs rule packs, and print its public part, which those who import them trust."""

    async def work() -> None:
        if not (is_key_name(name) and name.isascii() and name.isprintable() and len(name) <= MAX_KEY_NAME_CHARACTERS):
            raise UsageProblem(
                f"A publisher's name has at most {MAX_KEY_NAME_CHARACTERS} printable ASCII characters,"
                " and neither spaces nor plus signs."
            )
        signer = Signer(name, Ed25519PrivateKey.generate())
        _create(output, f"{signer.encode()}\n".encode(), _PRIVATE_MODE)
        print(signer.verifier.encode())

    run(work)


def sign(
    path: Path = typer.Argument(..., metavar="PACK", help="A zip of Sigma rules, or a directory with them."),
    name: str = typer.Option(..., "--name", help="The pack's name, under which it is to be imported."),
    key: Path = typer.Option(..., "--key", metavar="FILE", help="The private key, as `rules key` makes it."),
    output: Path = typer.Option(..., "-o", "--output", metavar="FILE", help="Where the signature is to be."),
) -> None:
    """Sign a rule pack: its name and its bytes, in a file to publish beside it."""

    async def work() -> None:
        if not NAME.fullmatch(name):
            raise UsageProblem(f"{name!r} is no name of a pack; such names are of {NAME.pattern}.")
        signer = _signer_of(key)
        _create(output, sign_pack(signer, name, hashlib.sha256(pack_of(path)).hexdigest()), _PUBLIC_MODE)
        say(f"{output}: {signed_by(signer.verifier.encode())}.")

    run(work)


def trust(
    verifier_key: str = Key,
    names: list[str] = typer.Option(..., "--name", help="A pack that it signs. Repeat it for more."),
    reason: str = Why,
    who: As = "",
    server: Server = "",
) -> None:
    """Take packs of these names only with this key's signature, or that of another key trusted for the name.

    The names take the place of those that the key was trusted for before.
    """

    async def work(session: Session) -> None:
        request = admin.TrustRulePublisherRequest(verifier_key=verifier_key, names=names, reason=reason)
        await session.ask(request, admin.TrustRulePublisherResponse)
        say("Trusted.")

    call(work, who, server)


def distrust(
    verifier_key: str = Key,
    release: bool = typer.Option(False, "--release-names", help="Its packs may come unsigned again."),
    reason: str = Why,
    who: As = "",
    server: Server = "",
) -> None:
    """Take nothing more that this key has signed. What is at work goes on; its names still ask for a signature."""

    async def work(session: Session) -> None:
        request = admin.DistrustRulePublisherRequest(verifier_key=verifier_key, release_names=release, reason=reason)
        await session.ask(request, admin.DistrustRulePublisherResponse)
        say("Distrusted.")

    call(work, who, server)


def list_publishers(as_json: Json = False, who: As = "", server: Server = "") -> None:
    """Whose signatures on rule packs count, and for packs of which names."""

    async def work(session: Session) -> None:
        found = await session.ask(read.ListRulePublishersRequest(), read.ListRulePublishersResponse)
        if as_json:
            show_json(found)
            return
        show_table(
            ("packs", "state", "since", "by", "why", "key!"),
            [
                (
                    ", ".join(each.names),
                    "trusted" if each.trusted else "distrusted",
                    time_of(each.since),
                    each.principal_id,
                    sealed(each.reason),
                    each.verifier_key,
                )
                for each in found.publishers
            ],
            empty="Nobody is trusted; packs may come unsigned.",
        )

    call(work, who, server)


def _signer_of(path: Path) -> Signer:
    if not path.is_file():
        raise UsageProblem(f"{path} is not there.")
    if path.stat().st_mode & 0o077:
        raise Problem("KEY_EXPOSED", f"Other accounts can read {path}; its mode must be 0600.")
    try:
        return Signer.parse(path.read_text(encoding="ascii").strip())
    except (TenetError, ValueError) as error:
        raise Problem("KEY_UNREADABLE", f"{path} holds no private key as `rules key` makes it.") from error


def _create(path: Path, content: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except FileExistsError as error:
        raise UsageProblem(f"{path} is there already, and nothing is overwritten.") from error
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}.") from error
