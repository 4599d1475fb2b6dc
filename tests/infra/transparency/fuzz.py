"""Fuzzes the verifier by what its code does: `python -m tests.infra.transparency.fuzz [seconds] [seed]`; needs atheris.

It is not in the lock, being of use on a developer's machine only. Each input, for a minute at first, takes the place of
one file of a bundle whose manifests are then made right again, or of a note, a key or an entry by itself. It ends at
the first crash, and at the first changed bundle that passes for valid. `tests/infra/transparency/damage.py` does the
same with random damages and needs nothing.
"""

import importlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from contracts.ids import TenantId
from tests.fixtures.audit_bundles import MadeLedger, mend_manifests, write_bundle

SIZE = 12
MAX_INPUT_BYTES = 4_096


def instrumented() -> tuple[Any, Any]:
    """The fuzzer, and the verifier with its branches watched. Raises ImportError."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["infra.transparency.verifier"]):
        return atheris, importlib.import_module("infra.transparency.verifier")


class Target:
    """One bundle in a directory of its own; `take` is called with each input."""

    def __init__(self, verifier: Any, directory: Path) -> None:
        # Only after the verifier was instrumented may anything import it.
        self._damage = importlib.import_module("tests.infra.transparency.damage")
        self._verifier, self._ledger = verifier, MadeLedger(TenantId("clinic"), SIZE)
        self._original = write_bundle(directory / "original", self._ledger)
        self._copy = Path(shutil.copytree(self._original, directory / "copy"))
        self._names = sorted(
            path.relative_to(self._original).as_posix() for path in self._original.rglob("*") if path.is_file()
        )

    def seeds(self) -> list[bytes]:
        """Every file as it is, behind the byte that chooses it."""
        files = [(self._original / name).read_bytes()[:MAX_INPUT_BYTES] for name in self._names]
        return [bytes([number]) + data for number, data in enumerate(files)]

    def take(self, data: bytes) -> None:
        self._take_alone(data[1:])
        name = self._names[(data[0] if data else 0) % len(self._names)]
        before = (self._original / name).read_bytes()
        try:
            (self._copy / name).write_bytes(data[1:])
            mend_manifests(self._copy)
            result = self._verifier.verify(self._copy, {self._ledger.fingerprint})
            changed = name not in self._damage.WORDS and (self._copy / name).read_bytes() != before
            if changed and not result.problems and not self._damage.means_the_same(name, self._original, self._copy):
                raise AssertionError(f"a bundle whose {name} was changed passes for valid")
        finally:
            (self._copy / name).write_bytes(before)
            mend_manifests(self._copy)

    def _take_alone(self, data: bytes) -> None:
        verifier = self._verifier
        for function in (
            verifier.canonical_json,
            lambda given: verifier.parse_checkpoint(verifier.parse_note(given)[0]),
            lambda given: verifier.Key.parse(given.decode("utf-8", "replace")),
        ):
            try:
                function(data)
            except verifier.Bad:
                continue


def main(seconds: int = 60, seed: int = 1) -> int:
    try:
        atheris, verifier = instrumented()
    except ImportError:
        print("atheris is not installed: pip install atheris, on a Python that it has a wheel for", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="tenet-fuzz-") as name:
        directory = Path(name)
        target, corpus = Target(verifier, directory), directory / "corpus"
        corpus.mkdir()
        for number, data in enumerate(target.seeds()):
            (corpus / f"seed-{number}").write_bytes(data)
        limits = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MAX_INPUT_BYTES}", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={directory}/", str(corpus)], target.take)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(*(int(each.replace("_", "")) for each in sys.argv[1:])))
