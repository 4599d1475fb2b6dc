"""`python -m services.detections.application.archive.writer_process SCRATCH` writes files of the archive for a parent.

Standard input: jobs, each pickled behind its length in eight bytes (big-endian); they come from the parent only.
Standard output: for each, in the same form, what `Job.done` gave, or a `Failed`. It ends when the input does, so also
with its parent. SCRATCH is the directory for plain files while they are written.
"""

import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

from services.detections.application.archive.jobs import Failed, Job
from services.detections.application.archive.parquet import Scratch

LENGTH = struct.Struct(">Q")
NICENESS = 10
"""Whoever waits for an answer of the service goes before what nobody waits for."""


def main() -> None:
    os.nice(NICENESS)
    scratch = Scratch(Path(sys.argv[1]))
    source, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(LENGTH.size):
        job: Job = pickle.loads(source.read(LENGTH.unpack(head)[0]))  # noqa: S301  # The parent wrote it; nobody else can write to this pipe.
        try:
            answer: Any = job.done(scratch)
        except Exception as error:  # noqa: BLE001  # One job that fails must not take those behind it along.
            answer = Failed(type(error).__name__, str(error)[:500])
        packed = pickle.dumps(answer)
        answers.write(LENGTH.pack(len(packed)) + packed)
        answers.flush()


if __name__ == "__main__":
    main()
