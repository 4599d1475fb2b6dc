"""Detached signatures of rule packs: a signed note (C2SP signed-note) that lies beside the pack as published.

The note's text is three lines: `tenet rule pack`, the pack's name, and the SHA-256 of its bytes in lower-case
hexadecimal. The name is signed as well, so that no pack can be passed off as the next version of another one.
"""

from collections.abc import Iterable

from contracts.errors import InvalidArgument
from infra.transparency.notes import (
    Note,
    NoteMalformed,
    NoteSignatureFalse,
    NoteUnverified,
    Signer,
    Verifier,
    open_note,
    parse_note,
)

HEADING = "tenet rule pack"


class RulePackSignatureMalformed(InvalidArgument):
    """The signature is no signed note, or its text is not that of a rule pack."""

    reason = "RULE_PACK_SIGNATURE_MALFORMED"


class RulePackSignatureOfAnother(InvalidArgument):
    """The signature is of other bytes, or of a pack of another name."""

    reason = "RULE_PACK_SIGNATURE_OF_ANOTHER"


class RulePackSignatureFalse(InvalidArgument):
    """The signature names a key that did not make it."""

    reason = "RULE_PACK_SIGNATURE_FALSE"


def sign_pack(signer: Signer, name: str, sha256: str) -> bytes:
    """The signature to publish beside the pack."""
    note = Note(_text(name, sha256))
    return note.signed(signer.sign(note.text)).encode()


def require_signature_of(signature: bytes, name: str, sha256: str) -> None:
    """That the signature states this pack, whoever made it. Raises RulePackSignatureMalformed,
    RulePackSignatureOfAnother."""
    try:
        text = parse_note(signature).text
    except NoteMalformed as error:
        raise RulePackSignatureMalformed(error.message) from error
    lines = text.split("\n")
    if len(lines) != 4 or lines[0] != HEADING:
        raise RulePackSignatureMalformed(f"The note's text is not `{HEADING}`, a name and a SHA-256.")
    if lines[1] != name:
        raise RulePackSignatureOfAnother("The signature is of a pack of another name.")
    if text != _text(name, sha256):
        raise RulePackSignatureOfAnother("The signature is of a pack with other bytes.")


def signers_of(signature: bytes, verifier_keys: Iterable[str]) -> tuple[str, ...]:
    """Those of the keys that have signed the note, in its order. Raises RulePackSignatureFalse, NoteMalformed."""
    verifiers = [Verifier.parse(each) for each in verifier_keys]
    try:
        _, good = open_note(signature, verifiers)
    except NoteSignatureFalse as error:
        raise RulePackSignatureFalse(error.message) from error
    except NoteUnverified:
        return ()
    keys = {(each.name, each.key_id): each.encode() for each in verifiers}
    return tuple(keys[each.name, each.key_id] for each in good)


def _text(name: str, sha256: str) -> str:
    return f"{HEADING}\n{name}\n{sha256}\n"
