"""What a log and a witness say to each other (C2SP tlog-witness, `add-checkpoint`): the body of a request.

`old <size>`, one base64 line a hash of the consistency proof, an empty line, the checkpoint.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from contracts.errors import InvalidArgument
from infra.transparency.merkle import HASH_SIZE

SIZE_TYPE = "text/x.tlog.size"
"""Content type of a refusal that names the size that the witness has cosigned last."""
MAX_PROOF_LINES = 63
MAX_REQUEST_BYTES = 262_144

_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")


class RequestMalformed(InvalidArgument):
    reason = "WITNESS_REQUEST_MALFORMED"


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        lines = [f"old {self.old_size}", *(base64.b64encode(each).decode() for each in self.proof)]
        return ("\n".join(lines) + "\n\n").encode() + self.checkpoint

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Raises RequestMalformed."""
        head, separator, checkpoint = body.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        old = _OLD.fullmatch(first)
        if not separator or old is None or len(lines) > MAX_PROOF_LINES:
            raise RequestMalformed("A request is an old size, at most 63 hashes, an empty line and a checkpoint.")
        try:
            proof = tuple(base64.b64decode(line, validate=True) for line in lines)
        except (binascii.Error, ValueError) as error:
            raise RequestMalformed("A line of the proof is not base64.") from error
        if any(len(each) != HASH_SIZE for each in proof):
            raise RequestMalformed("A hash of the proof does not have 32 bytes.")
        return cls(int(old[1]), proof, checkpoint)
