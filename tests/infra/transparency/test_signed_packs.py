"""Signatures beside rule packs: what they state, who made them, and every way in which they do not hold."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import TenetError
from infra.transparency.notes import NoteMalformed, Signer, parse_note
from infra.transparency.signed_packs import require_signature_of, sign_pack, signers_of

PACK = hashlib.sha256(b"a pack").hexdigest()
ANN = Signer("ann.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))
BEN = Signer("ben.example", Ed25519PrivateKey.from_private_bytes(bytes([1] * 32)))
ANNS, BENS = ANN.verifier.encode(), BEN.verifier.encode()


def of_both() -> bytes:
    note = parse_note(sign_pack(ANN, "sigma", PACK))
    return note.signed(BEN.sign(note.text)).encode()


def test_a_signature_is_a_signed_note_of_three_lines() -> None:
    text, _, line = sign_pack(ANN, "sigma", PACK).decode().partition("\n\n")
    assert text == f"tenet rule pack\nsigma\n{PACK}"
    assert line.startswith("— ann.example ")


def test_it_holds_for_its_pack_and_names_those_who_made_it() -> None:
    require_signature_of(of_both(), "sigma", PACK)
    assert signers_of(of_both(), [BENS, ANNS]) == (ANNS, BENS)
    assert signers_of(of_both(), [BENS]) == (BENS,)
    assert signers_of(of_both(), []) == ()


@pytest.mark.parametrize(
    ("signature", "name", "sha256", "reason"),
    [
        (b"", "sigma", PACK, "RULE_PACK_SIGNATURE_MALFORMED"),
        (b"\xff\n\n", "sigma", PACK, "RULE_PACK_SIGNATURE_MALFORMED"),
        (f"tenet rule pack\nsigma\n{PACK}\n".encode(), "sigma", PACK, "RULE_PACK_SIGNATURE_MALFORMED"),
        (sign_pack(ANN, "sigma", f"{PACK}\nmore"), "sigma", PACK, "RULE_PACK_SIGNATURE_MALFORMED"),
        (sign_pack(ANN, "sigma", PACK).replace(b"tenet", b"other"), "sigma", PACK, "RULE_PACK_SIGNATURE_MALFORMED"),
        (sign_pack(ANN, "sigma", PACK), "sigma2", PACK, "RULE_PACK_SIGNATURE_OF_ANOTHER"),
        (sign_pack(ANN, "sigma", PACK), "sigma", "0" * 64, "RULE_PACK_SIGNATURE_OF_ANOTHER"),
        (sign_pack(ANN, "sigma", PACK.upper()), "sigma", PACK, "RULE_PACK_SIGNATURE_OF_ANOTHER"),
    ],
)
def test_what_is_not_a_signature_of_the_pack_says_so(signature: bytes, name: str, sha256: str, reason: str) -> None:
    with pytest.raises(TenetError) as refused:
        require_signature_of(signature, name, sha256)
    assert refused.value.reason == reason


def test_a_line_that_the_named_key_did_not_make_is_false_whoever_else_has_signed() -> None:
    forged = of_both().replace(PACK.encode(), b"0" * 64)
    with pytest.raises(TenetError) as refused:
        signers_of(forged, [ANNS, BENS])
    assert refused.value.reason == "RULE_PACK_SIGNATURE_FALSE"


def test_a_private_key_comes_back_from_its_text() -> None:
    assert Signer.parse(ANN.encode()).verifier == ANN.verifier
    changed = ANN.encode().replace("ann", "eve")
    for wrong in ("", "PRIVATE+KEY+", ANN.encode()[12:], changed, ANN.encode()[:-4], ANNS):
        with pytest.raises(NoteMalformed):
            Signer.parse(wrong)
