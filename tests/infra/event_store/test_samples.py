"""Every event that was ever recorded can still be read: one sample of each class and version, as stored."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from contracts.canonical import canonical, decode
from contracts.events.base import EVENT_CLASSES, Event
from contracts.freeze import SAMPLES, sample_path, schema_of
from infra.event_store.mapper import Mapper
from infra.event_store.reads import StoredEntry
from infra.event_store.samples import missing
from infra.keys import LocalKeyStore

STORED = sorted(SAMPLES.glob("*/*.json"))


def test_every_event_class_has_a_sample_of_its_present_version() -> None:
    assert missing() == []


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
async def test_a_sample_of_every_version_still_decodes_and_is_canonical(path: Path, tmp_path: Path) -> None:
    entry = path.read_bytes()
    assert canonical(decode(entry)) == entry
    mapper = Mapper(await LocalKeyStore.open(tmp_path))
    recorded = mapper.decode(StoredEntry(0, 1, entry, "", bytes(32)))
    assert type(recorded.event).__name__ == path.stem.partition(".")[0]


@pytest.mark.parametrize("cls", EVENT_CLASSES.values(), ids=lambda cls: cls.__name__)
def test_a_sample_fits_the_schema_of_its_class(cls: type[Event]) -> None:
    stored = decode(sample_path(cls).read_bytes())["data"]
    Draft202012Validator(schema_of(cls)).validate(stored)
