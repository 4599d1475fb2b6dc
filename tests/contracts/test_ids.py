"""Identifiers are opaque, of one form, and derived ones are the same for the same parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import (
    TenantId,
    category_of,
    derive_id,
    is_opaque_id,
    is_tenant_id,
    new_id,
    role_of,
    schema_of,
    stream_name,
)


def test_a_new_id_has_the_form_that_is_checked_for() -> None:
    assert is_opaque_id(new_id("case"), "case")
    assert not is_opaque_id(new_id("case"), "asset")


def test_new_ids_sort_by_the_time_of_their_making() -> None:
    first = new_id("case")
    later = [new_id("case") for _ in range(1000)]
    assert all(first[:14] <= other[:14] for other in later)
    assert len({first, *later}) == 1001


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_derived_ids_are_equal_exactly_when_their_parts_are(left: list[str], right: list[str]) -> None:
    joined_alike = "\x1f".join(left) == "\x1f".join(right)
    assert (derive_id("x_y", *left) == derive_id("x_y", *right)) == joined_alike


@pytest.mark.parametrize("text", ["", "A", "a", "9a", "a_b", "a" * 32, "a b", "clinic\n", "-a", "ä-klinik"])
def test_a_text_that_could_not_name_a_schema_is_no_tenant_id(text: str) -> None:
    assert not is_tenant_id(text)


def test_a_tenant_has_a_schema_and_a_role_of_its_own() -> None:
    assert is_tenant_id("acme-north")
    assert schema_of(TenantId("acme-north")) == "t_acme_north"
    assert role_of(TenantId("acme-north")) == "tenet_t_acme_north"


def test_the_category_of_a_stream_is_what_stands_before_the_first_hyphen() -> None:
    assert category_of(stream_name("rule_pack", "pack-01")) == "rule_pack"
    opaque = new_id("rule_pack")
    assert stream_name("rule_pack", opaque) == opaque
    assert stream_name("telemetry", opaque) == f"telemetry-{opaque}"
    assert stream_name("tenant", "tenant-a") == "tenant-tenant-a", "a chosen name never stands for another stream"
