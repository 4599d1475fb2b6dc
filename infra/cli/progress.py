"""The bar that long sending shows: how far the files, as they lie on the disk, have been taken."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from infra.cli.batches import Batch

Taken = Callable[[Batch], None]
"""Told of each batch that is durable."""


@contextmanager
def files_progress(out: Console, files: Sequence[Path]) -> Iterator[Taken]:
    """The bar goes when it is done, and does not show where the output is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task(f"{len(files)} file(s)", total=sum(path.stat().st_size for path in files))
        done: dict[Path, int] = {}

        def taken(batch: Batch) -> None:
            done[batch.path] = max(done.get(batch.path, 0), batch.file_bytes)
            progress.update(task, completed=sum(done.values()), description=batch.path.name)

        yield taken
