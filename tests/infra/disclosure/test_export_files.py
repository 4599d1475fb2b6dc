"""The files of an export appear whole, under their name, or not at all."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from infra.disclosure import export_files
from infra.disclosure.export_files import ExportFiles, ExportStoreFull, exports_of, read_manifest
from infra.event_store.reads import StoredEntry


def entry(position: int) -> StoredEntry:
    return StoredEntry(position, 1_000_000 + position, b'{"n":%d}' % position, "tenet.test", b"\x00" * 32)


async def write(path: Path, count: int = 3) -> None:
    files = await ExportFiles.begin(path)
    try:
        await files.add([entry(position) for position in range(count)], [{"position": 0, "path": "/x", "erased": True}])
        await files.finish({"format": "test"})
    finally:
        await files.abandon()


async def test_a_finished_export_has_its_name_and_a_manifest_of_all_files(tmp_path: Path) -> None:
    path = tmp_path / "clinic" / "export-1"
    await write(path)
    found = await read_manifest(path)
    assert found is not None
    assert hashlib.sha256(found[0]).hexdigest() == found[1]
    assert b"entries/000000000000.bundle" in found[0]
    assert await exports_of(tmp_path / "clinic") == ["export-1"]
    for each in tmp_path.rglob("*"):
        assert each.stat().st_mode & 0o077 == 0


async def test_many_entries_lie_in_several_bundles_named_by_their_first_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "ENTRIES_PER_FILE", 2)
    await write(tmp_path / "clinic" / "export-1", count=5)
    names = sorted(each.name for each in (tmp_path / "clinic" / "export-1" / "entries").iterdir())
    assert names == ["000000000000.bundle", "000000000002.bundle", "000000000004.bundle"]


async def test_an_export_that_was_broken_off_leaves_nothing(tmp_path: Path) -> None:
    files = await ExportFiles.begin(tmp_path / "clinic" / "export-1")
    await files.add([entry(0)], [])
    await files.abandon()
    assert await exports_of(tmp_path / "clinic") == []
    assert list((tmp_path / "clinic").iterdir()) == []


async def test_of_two_that_write_the_same_export_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "clinic" / "export-1"
    first, second = await ExportFiles.begin(path), await ExportFiles.begin(path)
    for files, count in ((first, 1), (second, 2)):
        await files.add([entry(position) for position in range(count)], [])
        await files.finish({"count": count})
        await files.abandon()
    found = await read_manifest(path)
    assert found is not None
    assert b'"count":1' in found[0]
    assert len(list((tmp_path / "clinic").iterdir())) == 1


async def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clinic" / "export-1"
    files = await ExportFiles.begin(path)
    await files.add([entry(0)], [])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(export_files.os, "fsync", full)
        with pytest.raises(ExportStoreFull):
            await files.finish({})
    await files.abandon()
    assert await read_manifest(path) is None
    assert list((tmp_path / "clinic").iterdir()) == []
