"""Signed notes and checkpoints: the published example verifies, and nothing near to it does."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from infra.transparency.notes import (
    COSIGNATURE_V1,
    Checkpoint,
    CheckpointMalformed,
    Note,
    NoteMalformed,
    NoteUnverified,
    Signer,
    Verifier,
    open_note,
    parse_note,
)

# The example of the documentation of golang.org/x/mod/sumdb/note.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
LOG = Signer("log.example/clinic", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Signer("witness.example/w", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)), COSIGNATURE_V1)


def test_the_published_note_verifies_with_the_published_key() -> None:
    verifier = Verifier.parse(PUBLISHED_KEY)
    assert verifier.encode() == PUBLISHED_KEY
    note, good = open_note(PUBLISHED_NOTE.encode(), [verifier])
    assert note.encode() == PUBLISHED_NOTE.encode()
    assert [signature.name for signature in good] == ["PeterNeumann"]


def test_a_changed_text_or_signature_of_a_known_key_is_refused() -> None:
    verifier = Verifier.parse(PUBLISHED_KEY)
    for changed in (PUBLISHED_NOTE.replace("answer", "Answer"), PUBLISHED_NOTE.replace("x08go/ZJ", "x08go/ZK")):
        with pytest.raises(NoteUnverified):
            open_note(changed.encode(), [verifier])


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    with pytest.raises(NoteUnverified):
        open_note(PUBLISHED_NOTE.encode(), [LOG.verifier])


def test_a_checkpoint_is_signed_by_its_log_and_cosigned_by_a_witness_with_a_time() -> None:
    checkpoint = Checkpoint(LOG.name, 42, bytes(range(32)), ("extension",))
    note = Note(checkpoint.text())
    note = note.signed(LOG.sign(note.text)).signed(WITNESS.sign(note.text, at=1_700_000_000))
    opened, good = open_note(note.encode(), [LOG.verifier, WITNESS.verifier])
    assert Checkpoint.parse(opened.text) == checkpoint
    assert [WITNESS.verifier.timestamp(each) for each in good if each.name == WITNESS.name] == [1_700_000_000]
    assert LOG.verifier.timestamp(good[0]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\xe2\x80\x94 name\n",
        b"text\n\n\xe2\x80\x94 a+b AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name !!!!\n",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"t\x01\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"\xff\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"text\n\n- name AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAA=",
    ],
)
def test_a_malformed_note_is_refused_with_a_stable_reason(data: bytes) -> None:
    with pytest.raises(NoteMalformed):
        parse_note(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "o\n01\n" + "A" * 43 + "=\n",
        "o\n-1\n" + "A" * 43 + "=\n",
        "\n1\n" + "A" * 43 + "=\n",
        "o\n1\nAAAA\n",
        "o\n1\n" + "A" * 43 + "=",
        "o\n1\n" + "A" * 43 + "=\n\n",
        "o\n٣\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 42 + "B=\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(CheckpointMalformed):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    "vkey", ["", "a", "a+b", "a+00000000+AAAA", PUBLISHED_KEY.replace("c74f", "c74e"), "a b+00+AA=="]
)
def test_a_malformed_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(NoteMalformed):
        Verifier.parse(vkey)


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_parser(data: bytes) -> None:
    try:
        note = parse_note(data)
    except NoteMalformed:
        return
    assert note.encode() == data
