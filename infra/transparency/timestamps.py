"""RFC 3161 time stamps over checkpoints: that a head existed at a time, on the word of an authority from outside.

What is stamped is the checkpoint's text, up to the empty line before its signatures. A stamp is kept as the authority's
DER response, so that any other program can check it: `openssl ts -verify -in stamp.tsr -data text -CAfile roots.pem`.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import aiohttp
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from contracts.errors import DataLoss, Unavailable
from infra.transparency.witness_client import read_body

STAMP_SECONDS = 10.0
MAX_STAMP_BYTES = 65_536


class TimestampUnavailable(Unavailable):
    """The time-stamping authority did not answer, or refused."""

    reason = "TIMESTAMP_UNAVAILABLE"


class TimestampInvalid(DataLoss):
    """A time stamp is not one of the trusted authority's over that text."""

    reason = "TIMESTAMP_INVALID"


class TimestampAuthority:
    """`roots` are the certificates that the authority's own must lead to."""

    def __init__(self, url: str, roots: Sequence[x509.Certificate], session: aiohttp.ClientSession) -> None:
        self._url, self._roots, self._session = url, tuple(roots), session

    async def stamp(self, text: bytes) -> bytes:
        """A stamp over the text, verified. Raises TimestampUnavailable, TimestampInvalid."""
        request = TimestampRequestBuilder().data(text).hash_algorithm(HashAlgorithm.SHA256).build()
        try:
            async with asyncio.timeout(STAMP_SECONDS):
                async with self._session.post(
                    self._url, data=request.as_bytes(), headers={"Content-Type": "application/timestamp-query"}
                ) as answer:
                    stamp = await read_body(answer, MAX_STAMP_BYTES)
                    status = answer.status
        except (TimeoutError, aiohttp.ClientError) as error:
            raise TimestampUnavailable("The time-stamping authority does not answer.") from error
        if status != 200:
            raise TimestampUnavailable(f"The time-stamping authority answers {status}.")
        verify_stamp(stamp, text, self._roots, nonce=request.nonce)
        return stamp


def verify_stamp(stamp: bytes, text: bytes, roots: Sequence[x509.Certificate], *, nonce: int | None = None) -> datetime:
    """When the authority saw the text. Raises TimestampInvalid."""
    try:
        response: TimeStampResponse = decode_timestamp_response(stamp)
    except ValueError as error:
        raise TimestampInvalid("This is not a time stamp response.") from error
    if response.status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
        raise TimestampInvalid("The authority has not granted a stamp.")
    if not roots:
        raise TimestampInvalid("Without an authority's root certificate no stamp can be verified.")
    builder = VerifierBuilder()
    for root in roots:
        builder = builder.add_root_certificate(root)
    if nonce is not None:
        builder = builder.nonce(nonce)
    try:
        builder.build().verify_message(response, text)
    except (VerificationError, ValueError) as error:
        raise TimestampInvalid(f"The time stamp does not verify: {error}") from error
    return response.tst_info.gen_time


def read_roots(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file. Raises TimestampInvalid when there is none in it."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise TimestampInvalid(f"{path} holds no certificate.") from error
