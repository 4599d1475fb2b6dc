"""Logs of programs that run for months stay below a limit."""

from pathlib import Path

import pytest

from infra.runtime import log_files


def test_a_log_that_grew_too_large_is_moved_aside_and_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "LARGEST_LOG_BYTES", 10)
    path = tmp_path / "logs" / "cases.log"
    with log_files.open_log(path) as log:
        log.write(b"a line of the past\n")
        log.flush()
        log_files.shorten_log(path)
        log.write(b"new\n")
    assert path.read_bytes() == b"new\n"
    assert path.with_suffix(".log.1").read_bytes() == b"a line of the past\n"
