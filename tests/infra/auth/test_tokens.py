"""Bearer tokens: what is believed, what is refused, and how often the issuer is asked."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from contracts.errors import TenetError
from infra.auth.errors import CredentialExpired, CredentialRefused, IssuerUnreachable
from infra.auth.jwks import MIN_RETRY_SECONDS, HttpKeySource, IssuerKeys, parse_keys
from infra.auth.tokens import LEEWAY_SECONDS
from tests.fixtures.provider_ledger import ProviderLedger
from tests.infra.auth.conftest import new_key


def claims_of(issuer: Any, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    base = {"iss": issuer.url, "sub": "ana", "aud": "tenet", "iat": now, "exp": now + 600}
    return {name: value for name, value in (base | changes).items() if value is not None}


def signed(issuer: Any, claims: dict[str, Any], key: Any = None) -> str:
    key = key or issuer.keys[0]
    return jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, key, algorithms=["Ed25519"])


async def test_a_token_of_a_bound_issuer_is_believed(verifier: Any, ledger: ProviderLedger, issuer: Any) -> None:
    ledger.issuer(issuer.url, "provider")
    token = issuer.issuer.token("ana", acr="high", amr=["pwd", "otp"])
    verified = await verifier.verify(token)
    assert (verified.issuer, verified.subject, verified.acr, verified.amr) == (
        issuer.url,
        "ana",
        "high",
        ("pwd", "otp"),
    )
    assert abs(verified.auth_time.timestamp() - time.time()) < 30


async def test_a_token_of_an_unbound_issuer_is_refused(verifier: Any, issuer: Any) -> None:
    with pytest.raises(CredentialRefused):
        await verifier.verify(issuer.issuer.token("ana"))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"aud": "another"}, CredentialRefused),
        ({"aud": None}, CredentialRefused),
        ({"sub": None}, CredentialRefused),
        ({"sub": ""}, CredentialRefused),
        ({"sub": 7}, CredentialRefused),
        ({"sub": "x" * 600}, CredentialRefused),
        ({"exp": None}, CredentialRefused),
        ({"iat": None}, CredentialRefused),
        ({"exp": 1}, CredentialExpired),
        ({"exp": float("nan")}, CredentialRefused),
        ({"exp": 2**40}, CredentialRefused),
        ({"nbf": 2**40}, CredentialRefused),
        ({"iat": 2**40}, CredentialRefused),
        ({"amr": "pwd"}, CredentialRefused),
        ({"acr": ["high"]}, CredentialRefused),
        ({"auth_time": "yesterday"}, CredentialRefused),
    ],
)
async def test_a_wrong_claim_is_refused(
    verifier: Any, ledger: ProviderLedger, issuer: Any, changes: dict[str, Any], refusal: type[TenetError]
) -> None:
    ledger.issuer(issuer.url, "provider")
    with pytest.raises(refusal):
        await verifier.verify(signed(issuer, claims_of(issuer, **changes)))


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "." * 30])
async def test_what_is_no_token_is_refused(verifier: Any, token: str) -> None:
    with pytest.raises(CredentialRefused):
        await verifier.verify(token)


async def test_neither_no_signature_nor_a_shared_secret_passes(
    verifier: Any, ledger: ProviderLedger, issuer: Any
) -> None:
    ledger.issuer(issuer.url, "provider")
    public = issuer.keys[0].as_dict(private=False)
    payload = _segment(claims_of(issuer))
    unsigned = f"{_segment({'alg': 'none', 'kid': 'key-1'})}.{payload}."
    head = f"{_segment({'alg': 'HS256', 'kid': 'key-1'})}.{payload}"
    mac = hmac.new(json.dumps(public).encode(), head.encode(), hashlib.sha256).digest()
    shared = f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    for token in (unsigned, shared):
        with pytest.raises(CredentialRefused):
            await verifier.verify(token)


async def test_a_changed_payload_is_refused(verifier: Any, ledger: ProviderLedger, issuer: Any) -> None:
    ledger.issuer(issuer.url, "provider")
    head, _, signature = issuer.issuer.token("ana").split(".")
    with pytest.raises(CredentialRefused):
        await verifier.verify(f"{head}.{_segment(claims_of(issuer, sub='root'))}.{signature}")


async def test_another_issuers_key_does_not_sign_for_this_one(
    verifier: Any, ledger: ProviderLedger, issuer: Any, start_issuer: Any
) -> None:
    other = await start_issuer()
    ledger.issuer(issuer.url, "provider")
    ledger.issuer(other.url, "clinic")
    with pytest.raises(CredentialRefused):
        await verifier.verify(signed(other, claims_of(issuer)))


async def test_a_rotated_key_is_found_but_made_up_ones_do_not_flood_the_issuer(
    verifier: Any, ledger: ProviderLedger, issuer: Any, clock: Any
) -> None:
    ledger.issuer(issuer.url, "provider")
    await verifier.verify(issuer.issuer.token("ana"))
    clock.move(seconds=11)
    issuer.keys.insert(0, new_key("key-2"))
    assert (await verifier.verify(issuer.issuer.token("ana"))).subject == "ana"
    assert issuer.requests == 2
    for number in range(20):
        with pytest.raises(CredentialRefused):
            await verifier.verify(signed(issuer, claims_of(issuer), new_key(f"made-up-{number}")))
    assert issuer.requests == 2


async def test_a_token_ends_though_it_was_found_right_before(
    verifier: Any, ledger: ProviderLedger, issuer: Any, clock: Any
) -> None:
    ledger.issuer(issuer.url, "provider")
    token = issuer.issuer.token("ana", seconds=20)
    await verifier.verify(token)
    clock.move(seconds=20 + LEEWAY_SECONDS + 1)
    with pytest.raises(CredentialExpired):
        await verifier.verify(token)


async def test_a_withdrawn_key_is_believed_for_ten_minutes_at_most(
    verifier: Any, ledger: ProviderLedger, issuer: Any, clock: Any
) -> None:
    ledger.issuer(issuer.url, "provider")
    token = issuer.issuer.token("ana")
    await verifier.verify(token)
    issuer.keys[:] = [new_key("key-2")]
    clock.move(seconds=601)
    with pytest.raises(CredentialRefused):
        await verifier.verify(token)


async def test_a_token_is_believed_no_more_when_its_issuer_is_bound_anew(
    verifier: Any, directory: Any, ledger: ProviderLedger, issuer: Any
) -> None:
    ledger.issuer(issuer.url, "provider")
    token = issuer.issuer.token("ana")
    await verifier.verify(token)
    ledger.issuer(issuer.url, "provider", jwks_uri="http://127.0.0.1:1/jwks")
    await directory.refresh()
    with pytest.raises(IssuerUnreachable):
        await verifier.verify(token)


class Flaky:
    """A source of one key that may be away. It implements `KeySource`."""

    def __init__(self, key: OKPKey) -> None:
        self.away, self.asked = True, 0
        self._body = json.dumps({"keys": [key.as_dict(private=False)]}).encode()

    async def fetch(self, uri: str) -> bytes:
        self.asked += 1
        if self.away:
            raise IssuerUnreachable("Away.")
        return self._body


async def test_while_an_issuer_has_never_answered_its_tokens_are_early_and_not_wrong() -> None:
    now = 100.0
    source = Flaky(new_key("key-1"))
    keys = IssuerKeys(source, lambda: now)
    for _ in range(5):
        with pytest.raises(IssuerUnreachable):
            await keys.find("https://issuer/jwks", "key-1")
    assert source.asked == 1
    source.away = False
    now += MIN_RETRY_SECONDS
    assert await keys.find("https://issuer/jwks", "key-1") is not None
    for number in range(5):
        assert await keys.find("https://issuer/jwks", f"made-up-{number}") is None
    assert source.asked == 2


@pytest.mark.parametrize("uri", ["http://keys.example/jwks", "file:///etc/passwd", "ftp://127.0.0.1/jwks"])
async def test_keys_are_never_fetched_in_the_clear_over_a_network(uri: str) -> None:
    with pytest.raises(IssuerUnreachable):
        await HttpKeySource().fetch(uri)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": 3}', b'{"keys": [{"kty": "OKP"}]}'])
def test_what_is_no_key_set_is_refused(body: bytes) -> None:
    with pytest.raises(IssuerUnreachable):
        parse_keys(body)


def test_a_shared_secret_in_a_key_set_is_left_out() -> None:
    secret = OctKey.import_key("c2VjcmV0c2VjcmV0c2VjcmV0", {"kid": "s"}).as_dict()
    public = new_key("key-1").as_dict(private=False)
    assert set(parse_keys(json.dumps({"keys": [secret, public]}).encode())) == {"key-1"}


def _segment(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
