"""Who shows no credential, a wrong one, or one that is for somebody else, learns nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from joserfc.jwk import OKPKey
from tenet.assets.v1 import assets_read_pb2, assets_read_pb2_grpc
from tenet.cases.v1 import cases_read_pb2, cases_read_pb2_grpc
from tenet.common.v1 import common_pb2
from tenet.ledger.v1 import ledger_read_pb2, ledger_read_pb2_grpc
from tenet.tenancy.v1 import tenancy_admin_pb2, tenancy_pb2, tenancy_read_pb2, tenancy_read_pb2_grpc

from infra.auth.issuer_keys import IssuerFiles
from infra.auth.local_issuer import LocalIssuer
from infra.grpc import Client, RemoteError
from tests.badinput.work import detection, report, validate, validation
from tests.fixtures.customers import Customer, Provider, refusal, request_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

AWAY = "no-such-tenant"


def issuer_of(provider: Provider) -> LocalIssuer:
    """The system's own issuer, with its keys, so that tokens can be made that it would not give out."""
    settings = provider.system.settings
    files = IssuerFiles(settings.issuer_dir)
    return LocalIssuer(provider.system.issuer_url, settings.audience, files.signing_keys(), files.secret())


async def asked_with(provider: Provider, customer: Customer, authorization: str | None) -> RemoteError:
    async def header() -> str:
        return authorization or ""

    address = provider.system.address("detections")
    async with Client(address, header if authorization is not None else None) as client:
        return await refusal(report(client, customer, "x"))


async def test_a_call_without_a_credential_is_refused(provider: Provider, own: Customer) -> None:
    for authorization in (None, "", "Basic dXNlcjpwYXNz"):
        error = await asked_with(provider, own, authorization)
        assert (error.code.name, error.reason) == ("UNAUTHENTICATED", "CREDENTIAL_MISSING"), authorization


async def test_an_expired_token_says_so_and_a_wrong_one_only_that_it_is_wrong(
    provider: Provider, own: Customer
) -> None:
    issuer = issuer_of(provider)
    expired = await asked_with(provider, own, f"Bearer {issuer.token(own.approver, seconds=-600)}")
    assert (expired.code.name, expired.reason) == ("UNAUTHENTICATED", "CREDENTIAL_EXPIRED")
    settings, url = provider.system.settings, provider.system.issuer_url
    strange = LocalIssuer(url, settings.audience, [OKPKey.generate_key("Ed25519", {"kid": "k"})], "")
    elsewhere = LocalIssuer(url, "another-product", IssuerFiles(settings.issuer_dir).signing_keys(), "")
    good = issuer.token(own.approver)
    head, body, signature = good.split(".")
    wrong = {
        "signed by a key that the issuer does not have": strange.token(own.approver),
        "for another audience": elsewhere.token(own.approver),
        "of a person whom nobody knows": issuer.token("stranger"),
        "cut off": good[:-8],
        "no token": "x.y.z",
        "without a signature": f"eyJhbGciOiJub25lIn0.{body}.",
        "with another body": f"{head}.{body[:-2]}AA.{signature}",
    }
    answers = {what: await asked_with(provider, own, f"Bearer {token}") for what, token in wrong.items()}
    assert {what: (error.code.name, error.reason) for what, error in answers.items()} == dict.fromkeys(
        wrong, ("UNAUTHENTICATED", "CREDENTIAL_REFUSED")
    )


async def test_a_wrong_or_revoked_api_key_is_refused(provider: Provider, own: Customer) -> None:
    key_id = own.sensor.split(".")[0]
    for credential in (f"{key_id}.wrong", "key-of-nobody.secret", "nonsense"):
        error = await asked_with(provider, own, f"ApiKey {credential}")
        assert (error.code.name, error.reason) == ("UNAUTHENTICATED", "CREDENTIAL_REFUSED"), credential
    sensor = await provider.sensor(own.tenant_id)
    await provider.as_admin(
        "RevokeApiKey", tenancy_admin_pb2.RevokeApiKeyRequest(request_id=request_id(), key_id=sensor.split(".")[0])
    )

    async with asyncio.timeout(20):
        while (error := await asked_with(provider, own, f"ApiKey {sensor}")).reason != "CREDENTIAL_REFUSED":
            await asyncio.sleep(0.2)
    assert error.code.name == "UNAUTHENTICATED"


async def test_an_unknown_and_a_foreign_tenant_are_answered_with_the_same_words(
    provider: Provider, own: Customer, foreign: Customer
) -> None:
    """Of every kind: a read, a list, a write, a stream, in each case to the letter but for the tenant's own name."""

    async def answers(tenant_id: str) -> list[tuple[str, str, str, dict[str, str]]]:
        errors = []
        cases = provider.client("cases", own.analyst)
        reads = cases.stub(cases_read_pb2_grpc.CasesReadServiceStub)
        errors.append(
            await refusal(cases.call(reads.GetCase, cases_read_pb2.GetCaseRequest(tenant_id=tenant_id, case_id="x")))
        )
        errors.append(
            await refusal(cases.call(reads.ListCases, cases_read_pb2.ListCasesRequest(tenant_ids=[tenant_id])))
        )
        assets = provider.client("assets", own.approver)
        lists = assets.stub(assets_read_pb2_grpc.AssetsReadServiceStub)
        errors.append(
            await refusal(
                assets.call(lists.ListAssets, assets_read_pb2.ListAssetsRequest(tenant_ids=[own.tenant_id, tenant_id]))
            )
        )
        other = Customer(tenant_id, own.analyst, own.approver, own.approver_id, own.sensor)
        detections = provider.client("detections", own.analyst)
        errors.append(await refusal(report(detections, other, "x")))
        errors.append(await refusal(validate(detections, validation(other, "x", common_pb2.VERDICT_FALSE_POSITIVE))))
        tenancy = provider.client("tenancy", own.approver)
        tenants = tenancy.stub(tenancy_read_pb2_grpc.TenancyReadServiceStub)
        errors.append(
            await refusal(tenancy.call(tenants.GetTenant, tenancy_read_pb2.GetTenantRequest(tenant_id=tenant_id)))
        )
        ledger = provider.client("ledger", own.analyst)
        stub = ledger.stub(ledger_read_pb2_grpc.LedgerReadServiceStub)

        async def first() -> object:
            return await anext(ledger.stream(stub.Read, ledger_read_pb2.ReadRequest(tenant_id=tenant_id), deadline=10))

        errors.append(await refusal(first()))
        return [
            (
                error.code.name,
                error.reason,
                error.message.replace(tenant_id, "T"),
                {name: value.replace(tenant_id, "T") for name, value in error.metadata.items()},
            )
            for error in errors
        ]

    of_foreign, of_unknown = await answers(foreign.tenant_id), await answers(AWAY)
    assert of_foreign == of_unknown
    assert {(code, reason) for code, reason, _, _ in of_foreign} == {("NOT_FOUND", "TENANT_UNKNOWN")}


@asynccontextmanager
async def second_issuer(directory: Path) -> AsyncIterator[tuple[str, LocalIssuer]]:
    """An issuer like the local one, with keys of its own, as a customer has one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    files = IssuerFiles(directory)
    issuer = LocalIssuer(url, "tenet", files.signing_keys(), files.secret())
    runner = web.AppRunner(issuer.application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield url, issuer
    finally:
        await runner.cleanup()


async def test_a_tenants_issuer_cannot_speak_for_anybody_of_another_tenant(
    provider: Provider, own: Customer, foreign: Customer, tmp_path: Path
) -> None:
    async with second_issuer(tmp_path / "issuer") as (url, issuer):
        await provider.as_admin(
            "BindIssuer",
            tenancy_admin_pb2.BindIssuerRequest(
                request_id=request_id(),
                issuer=url,
                jwks_uri=f"{url}/jwks",
                audience="tenet",
                home_tenant_ids=[foreign.tenant_id],
            ),
        )
        # It claims to be somebody by the name that this person has at the issuer of the other tenant.
        taken = await asked_with(provider, own, f"Bearer {issuer.token(own.approver)}")
        assert (taken.code.name, taken.reason) == ("UNAUTHENTICATED", "CREDENTIAL_REFUSED")

        def person(home: str) -> tenancy_admin_pb2.RegisterPrincipalRequest:
            return tenancy_admin_pb2.RegisterPrincipalRequest(
                request_id=request_id(),
                kind=tenancy_pb2.PRINCIPAL_KIND_PERSON,
                home_tenant_id=home,
                display_name="Somebody",
                issuer=url,
                subject="somebody",
            )

        # Not even an administrator can register one of the other tenant's people under it.
        refused = await refusal(provider.as_admin("RegisterPrincipal", person(own.tenant_id)))
        assert refused.reason == "ISSUER_REFUSED"
        registered = await provider.as_admin("RegisterPrincipal", person(foreign.tenant_id))
        granted = await refusal(
            provider.as_admin(
                "GrantRole",
                tenancy_admin_pb2.GrantRoleRequest(
                    request_id=request_id(),
                    tenant_id=own.tenant_id,
                    principal_id=registered.principal_id,
                    role=common_pb2.ROLE_CUSTOMER_APPROVER,
                ),
            )
        )
        assert granted.reason == "ROLE_REFUSED"
        # Whom it may speak for is known, and still has no way into the other tenant.
        known = await asked_with(provider, own, f"Bearer {issuer.token('somebody')}")
        assert (known.code.name, known.reason) == ("NOT_FOUND", "TENANT_UNKNOWN")


async def test_a_role_that_does_not_suffice_is_refused_after_the_tenant_is_known(
    provider: Provider, own: Customer
) -> None:
    detection_id = await detection(provider, own, "role-host")
    client = provider.client("detections", own.approver)
    error = await refusal(validate(client, validation(own, detection_id, common_pb2.VERDICT_MALICIOUS)))
    assert (error.code.name, error.reason) == ("PERMISSION_DENIED", "ROLE_MISSING")
