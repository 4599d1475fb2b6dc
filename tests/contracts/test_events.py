"""Event classes: fixed topics, frozen shapes, sealed fields that never show their plaintext."""

import json
import re

import pytest
from pydantic import ValidationError

import contracts.events
from contracts.commands import Command, Private, command_digest, private_words
from contracts.events import assets, tenancy
from contracts.events.base import (
    EVENT_CLASSES,
    Event,
    Sealed,
    SealedTooLong,
    UndecodableEvent,
    UnknownEvent,
    Value,
    categories_of,
    decode_payload,
    sealed_values,
)
from contracts.freeze import SAMPLES, schema_path
from contracts.ids import TenantId

SERVICES = ("assets", "cases", "detections", "ledger", "reporting", "tenancy")


@pytest.mark.parametrize("cls", EVENT_CLASSES.values(), ids=lambda cls: cls.TOPIC)
def test_an_event_is_named_by_its_fixed_topic_and_explained(cls: type[Event]) -> None:
    assert cls.TOPIC in [f"tenet.{service}.{cls.__name__}" for service in SERVICES]
    assert re.fullmatch(r"[a-z][a-z_]+", cls.CATEGORY)
    assert schema_path(cls).exists()


def test_no_two_services_own_the_same_category() -> None:
    owned = [category for service in SERVICES for category in categories_of(service)]
    assert len(owned) == len(set(owned))
    assert {cls.CATEGORY for cls in EVENT_CLASSES.values()} == set(owned)


def test_no_field_of_an_event_is_a_float() -> None:
    for cls in EVENT_CLASSES.values():
        assert '"number"' not in str(cls.model_json_schema()).replace("'", '"'), cls.TOPIC


def test_sealed_fields_are_found_with_their_paths_in_order_of_declaration() -> None:
    def text(value: str) -> Sealed:
        return Sealed.of(value, subject="asset-1")

    registered = assets.AssetRegistered(
        asset_id="asset-1",
        kind=assets.AssetKind.SERVER,
        asset_class=assets.AssetClass.STANDARD,
        value=1,
        group="servers",
        name=text("erp01"),
        addresses=(text("10.0.0.1"), text("10.0.0.2")),
        owner=None,
        business_context=None,
        name_index="",
        address_indexes=(),
        external_id=None,
        external_id_index=None,
    )
    assert [path for path, _ in sealed_values(registered)] == ["/name", "/addresses/0", "/addresses/1"]
    assert assets.AssetRegistered.HAS_SEALED
    assert not assets.SensorRegistered.HAS_SEALED


def test_the_plaintext_of_a_sealed_field_never_shows_in_a_dump_or_repr() -> None:
    value = Sealed.of("Jane Doe", subject="principal-1")
    assert "Jane" not in value.model_dump_json() + repr(value) + str(value)
    assert value.plaintext == "Jane Doe"


def test_a_sealed_value_beyond_the_limit_is_refused() -> None:
    with pytest.raises(SealedTooLong):
        Sealed.of("x" * 1_048_577, subject="case-1")


def test_an_unknown_topic_or_version_and_a_wrong_shape_are_told_apart() -> None:
    with pytest.raises(UnknownEvent):
        decode_payload("os.system", 1, {})
    with pytest.raises(UnknownEvent):
        decode_payload("tenet.tenancy.TenantActivated", 99, {"tenant_id": "clinic"})
    with pytest.raises(UndecodableEvent):
        decode_payload("tenet.tenancy.TenantActivated", 1, {"tenant_id": "clinic", "more": 1})


def test_an_asset_that_was_registered_before_its_connectors_identifier_was_sealed_still_has_it() -> None:
    data = json.loads((SAMPLES / "assets" / "AssetRegistered.v1.json").read_text())["data"]
    registered = decode_payload("tenet.assets.AssetRegistered", 1, data)
    assert isinstance(registered, assets.AssetRegistered)
    assert registered.external_id == "example external_id"
    assert registered.external_id_index is None


def test_an_event_cannot_be_changed() -> None:
    happened = tenancy.TenantActivated(tenant_id=TenantId("clinic"))
    with pytest.raises(ValidationError):
        happened.tenant_id = TenantId("other")  # type: ignore[misc]  # that it is refused is what is tested


class Person(Value):
    name: Private
    age: int


class WriteDown(Command):
    title: str
    text: Private
    people: tuple[Person, ...] = ()


def test_a_commands_digest_leaves_out_private_values_and_the_request_id() -> None:
    def digest(**changes: object) -> str:
        fields = {"tenant_id": "clinic", "request_id": "r1", "title": "t", "text": "x", "people": ()}
        return command_digest(WriteDown.model_validate(fields | changes))

    same = digest()
    assert digest(text="other", request_id="r2") == same
    assert digest(title="other") != same
    one, two = ({"name": name, "age": 1} for name in ("Ann", "Bob"))
    assert digest(people=[one]) == digest(people=[two]) != same


def test_a_commands_private_words_are_told_with_their_places() -> None:
    command = WriteDown(
        tenant_id=TenantId("clinic"), request_id="r1", title="t", text="x", people=(Person(name="Ann", age=1),)
    )
    assert private_words(command) == [("/text", "x"), ("/people/0/name", "Ann")]


def test_importing_the_package_fills_the_registry() -> None:
    assert contracts.events.__all__
    assert len(EVENT_CLASSES) > 70
