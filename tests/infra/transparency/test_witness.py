"""A witness cosigns one history of a log and no other, and a log collects what witnesses give it."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.transparency.merkle import consistency_proof
from infra.transparency.notes import Checkpoint, Note, Signer, Verifier, open_note, parse_note
from infra.transparency.outreach import cosign
from infra.transparency.storage import LogDirectory
from infra.transparency.tiles import nodes_of
from infra.transparency.witness import Witness, WitnessMisconfigured
from infra.transparency.witness_client import WitnessAddress, WitnessClient
from infra.transparency.witness_protocol import AddCheckpoint, RequestMalformed
from tests.infra.transparency.test_proofs import SIGNER, a_log

NAME = "witness.example/w1"
NOW = 1_800_000_000


def a_witness(path: Path, *verifiers: Verifier) -> Witness:
    path.mkdir(exist_ok=True)
    return Witness(path, NAME, verifiers or (SIGNER.verifier,), clock=lambda: NOW)


def request(directory: LogDirectory, old_size: int, checkpoint: bytes | None = None) -> bytes:
    data = checkpoint or directory.checkpoint()
    assert data is not None
    size = Checkpoint.parse(parse_note(data).text).size
    proof = consistency_proof(nodes_of(directory.hashes, size), old_size, size) if old_size <= size else []
    return AddCheckpoint(old_size, tuple(proof), data).encode()


async def test_a_first_checkpoint_and_its_extensions_are_cosigned_with_the_time(tmp_path: Path) -> None:
    witness = a_witness(tmp_path / "w")
    for old_size, size in ((0, 3), (3, 300), (300, 300)):
        directory = a_log(tmp_path / f"{old_size}-{size}", size)
        answer = await witness.add_checkpoint(request(directory, old_size))
        assert answer.status == 200, answer.body
        text = parse_note(directory.checkpoint() or b"").text
        _, (signature,) = open_note(Note(text).encode() + answer.body, [witness.verifier])
        assert (signature.name, witness.verifier.timestamp(signature)) == (NAME, NOW)


async def test_another_old_size_than_the_witness_holds_is_answered_with_that(tmp_path: Path) -> None:
    witness = a_witness(tmp_path / "w")
    directory = a_log(tmp_path / "log", 300)
    answer = await witness.add_checkpoint(request(directory, 7))
    assert (answer.status, answer.body, answer.content_type) == (409, b"0\n", "text/x.tlog.size")
    assert (await witness.add_checkpoint(request(directory, 0))).status == 200
    answer = await witness.add_checkpoint(request(a_log(tmp_path / "longer", 301), 0))
    assert (answer.status, answer.body) == (409, b"300\n")


async def test_a_head_that_does_not_extend_the_last_one_is_never_cosigned(tmp_path: Path) -> None:
    witness = a_witness(tmp_path / "w")
    assert (await witness.add_checkpoint(request(a_log(tmp_path / "log", 300), 0))).status == 200
    other = a_log(tmp_path / "other", 400)
    forged = Note(Checkpoint(SIGNER.name, 400, b"\x07" * 32).text())
    answer = await witness.add_checkpoint(request(other, 300, forged.signed(SIGNER.sign(forged.text)).encode()))
    assert answer.status == 422
    forged = Note(Checkpoint(SIGNER.name, 300, b"\x07" * 32).text())
    answer = await witness.add_checkpoint(request(other, 300, forged.signed(SIGNER.sign(forged.text)).encode()))
    assert answer.status == 409
    assert (await witness.add_checkpoint(request(other, 300))).status == 200


async def test_a_witness_remembers_across_a_restart(tmp_path: Path) -> None:
    first = a_witness(tmp_path / "w")
    assert (await first.add_checkpoint(request(a_log(tmp_path / "log", 300), 0))).status == 200
    second = a_witness(tmp_path / "w")
    assert second.verifier == first.verifier
    assert (await second.add_checkpoint(request(a_log(tmp_path / "short", 3), 0))).status == 409


async def test_of_two_requests_at_once_only_one_moves_the_witness(tmp_path: Path) -> None:
    witness = a_witness(tmp_path / "w")
    bodies = [request(a_log(tmp_path / str(size), size), 0) for size in (5, 9)]
    answers = await asyncio.gather(*(witness.add_checkpoint(body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_unknown_logs_false_signatures_and_malformed_requests_have_the_specified_status(tmp_path: Path) -> None:
    witness = a_witness(tmp_path / "w")
    stranger = Signer("elsewhere.example/log", Ed25519PrivateKey.generate())
    impostor = Signer(SIGNER.name, Ed25519PrivateKey.generate())
    for signer, status in ((stranger, 404), (impostor, 403)):
        note = Note(Checkpoint(signer.name, 1, b"\x01" * 32).text())
        body = AddCheckpoint(0, (), note.signed(signer.sign(note.text)).encode()).encode()
        assert (await witness.add_checkpoint(body)).status == status
    good = request(a_log(tmp_path / "log", 3), 0)
    for body in (
        b"",
        good.replace(b"old 0", b"old 00"),
        good.replace(b"old 0", b"new 0"),
        good.replace(b"old 0\n", b"old 0\nAAAA\n"),
        good.replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n" * 64),
        b"old 0\n\nno checkpoint\n",
        request(a_log(tmp_path / "log", 3), 4),
    ):
        assert (await witness.add_checkpoint(body)).status == 400, body


def test_a_request_is_read_as_it_was_written() -> None:
    asked = AddCheckpoint(7, (b"\x01" * 32, b"\x02" * 32), b"checkpoint\n")
    assert AddCheckpoint.parse(asked.encode()) == asked
    with pytest.raises(RequestMalformed):
        AddCheckpoint.parse(AddCheckpoint(7, (b"\x01" * 32,) * 64, b"checkpoint\n").encode())


def test_a_key_that_others_can_read_and_a_witness_without_logs_are_refused(tmp_path: Path) -> None:
    a_witness(tmp_path / "w")
    (tmp_path / "w" / "witness.key").chmod(0o644)
    with pytest.raises(WitnessMisconfigured):
        a_witness(tmp_path / "w")
    with pytest.raises(WitnessMisconfigured):
        Witness(tmp_path / "other", NAME, ())
    with pytest.raises(WitnessMisconfigured):
        a_witness(tmp_path / "third", Signer("w", Ed25519PrivateKey.generate(), 4).verifier)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_cosignatures_are_added_to_the_checkpoint_and_a_silent_witness_delays_nobody(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    directory, witness = a_log(tmp_path / "log", 300), a_witness(tmp_path / "w")
    async with TestServer(witness.application()) as server:
        client = WitnessClient(
            [
                WitnessAddress(witness.verifier, str(server.make_url("")).rstrip("/")),
                WitnessAddress(Signer("gone", Ed25519PrivateKey.generate(), 4).verifier, "http://127.0.0.1:9"),
            ],
            session,
        )
        assert await cosign(directory, client)
        # A log whose process was started anew does not know what the witness holds, and learns it.
        a_log(tmp_path / "log", 301)
        assert await cosign(directory, WitnessClient(client.witnesses, session))
    data = directory.checkpoint()
    assert data is not None
    note, signatures = open_note(data, [SIGNER.verifier, witness.verifier])
    assert Checkpoint.parse(note.text).size == 301
    assert [each.name for each in signatures] == [SIGNER.name, NAME]
    assert directory.cosigned() == data


async def test_a_log_that_was_rolled_back_gets_no_cosignature(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    witness = a_witness(tmp_path / "w")
    async with TestServer(witness.application()) as server:
        addresses = [WitnessAddress(witness.verifier, str(server.make_url("")).rstrip("/"))]
        assert await cosign(a_log(tmp_path / "log", 300), WitnessClient(addresses, session))
        rolled_back = a_log(tmp_path / "old", 200)
        assert not await cosign(rolled_back, WitnessClient(addresses, session))
    assert rolled_back.cosigned() is None


async def test_a_witness_that_signs_with_another_key_than_its_own_is_not_believed(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    directory, witness = a_log(tmp_path / "log", 300), a_witness(tmp_path / "w")
    async with TestServer(witness.application()) as server:
        believed = Signer(NAME, Ed25519PrivateKey.generate(), 4).verifier
        client = WitnessClient([WitnessAddress(believed, str(server.make_url("")).rstrip("/"))], session)
        assert not await cosign(directory, client)


async def test_the_witness_command_serves_until_it_is_told_to_stop(
    tmp_path: Path, session: aiohttp.ClientSession
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "infra.cli", "witness", "--state", str(tmp_path / "w"), "--name", NAME, "--port", "0"),
        *("--log", SIGNER.verifier.encode()),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            key = (await process.stdout.readline()).decode().split()[-1]
            url = re.sub("/add-checkpoint$", "", (await process.stdout.readline()).decode().split()[-1])
            client = WitnessClient([WitnessAddress(Verifier.parse(key), url)], session)
            assert await cosign(a_log(tmp_path / "log", 300), client)
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
