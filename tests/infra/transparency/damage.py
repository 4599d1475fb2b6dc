"""Damage to bundles at random, and which of it the verifier may leave unmentioned.

At length: `python -m tests.infra.transparency.damage [attempts] [seed]`, 20,000 attempts unless told otherwise.
"""

import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from contracts.ids import TenantId
from infra.transparency.verifier import verify
from tests.fixtures.audit_bundles import MadeLedger, mend_manifests, write_bundle

ATTEMPTS = 20_000
EVERY = 2_000
WORDS = {"data/README.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"}
"""Where a forger has made the manifests right, only the recorded hash of the bundle vouches for these."""


def recorded_hash(bundle: Path) -> str:
    return hashlib.sha256((bundle / "tagmanifest-sha256.txt").read_bytes()).hexdigest()


def undetected(original: Path, copy: Path, chance: random.Random, fingerprint: str, *, mend: bool) -> set[str]:
    """Damages a copy of the bundle; files that were changed in a way that counts, though it passes for valid.

    `mend` makes the manifests right again afterwards. With the recorded hash nothing at all may pass.
    """
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    for _ in range(chance.randint(1, 4)):
        path = chance.choice(files)
        path.write_bytes(damage(chance)(path.read_bytes(), chance))
    if mend:
        mend_manifests(copy)
    changed = {
        name
        for name in (path.relative_to(copy).as_posix() for path in files)
        if (copy / name).read_bytes() != (original / name).read_bytes()
    }
    if changed and not verify(copy, {fingerprint}, recorded=recorded_hash(original)).problems:
        return changed
    if verify(copy, {fingerprint}).problems:
        return set()
    return {name for name in changed if not (mend and name in WORDS) and not means_the_same(name, original, copy)}


def means_the_same(name: str, original: Path, copy: Path) -> bool:
    """Whether what a signature could vouch for is unchanged: signed texts, and every value that is shown."""
    before, after = (original / name).read_bytes(), (copy / name).read_bytes()
    if name.endswith("/checkpoint"):
        # Further signatures are by keys that nobody has named.
        return before.partition(b"\n\n")[0] == after.partition(b"\n\n")[0]
    if name == "data/bundle.json":
        return _without_audience(before) == _without_audience(after)
    if name == "data/openings.jsonl":
        # A value may be told to be withheld or erased, which says less; it cannot be told to be another one.
        values = {line for line in before.splitlines() if b'"value"' in line}
        shown = [json.loads(line) for line in after.splitlines() if b'"value"' in line]
        return all(any(each["value"] == json.loads(line)["value"] for line in values) for each in shown)
    return False


def _without_audience(data: bytes) -> dict[str, object]:
    return {key: value for key, value in json.loads(data).items() if key != "audience"}


def damage(chance: random.Random) -> Callable[[bytes, random.Random], bytes]:
    return chance.choice([_flip, _cut, _add, _swap, _digit])


def _flip(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data)) if data else 0
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :] if data else b"x"


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))] if data else b"x"


def _add(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + os.urandom(chance.randrange(1, 40)) + data[place:]


def _swap(data: bytes, chance: random.Random) -> bytes:
    half = chance.randrange(len(data) + 1)
    return data[half:] + data[:half]


def _digit(data: bytes, chance: random.Random) -> bytes:
    """Another digit or letter in the place of one, which leaves the form of most files as it is."""
    places = [place for place, byte in enumerate(data[:4096]) if chr(byte).isalnum()]
    if not places:
        return _flip(data, chance)
    place = chance.choice(places)
    return data[:place] + chance.choice(b"0123456789abcdef".decode()).encode() + data[place + 1 :]


def main() -> int:
    attempts = int(sys.argv[1].replace("_", "")) if sys.argv[1:] else ATTEMPTS
    seed = int(sys.argv[2]) if sys.argv[2:] else random.SystemRandom().randrange(2**32)
    chance, missed = random.Random(seed), 0
    ledger = MadeLedger(TenantId("clinic"), 300, facts=True)
    with tempfile.TemporaryDirectory() as name:
        original = write_bundle(Path(name) / "bundle", ledger, MadeLedger(TenantId("provider"), 9))
        for made in range(1, attempts + 1):
            lost = undetected(original, Path(name) / "copy", chance, ledger.fingerprint, mend=chance.random() < 0.5)
            if lost:
                missed += 1
                print(f"PASSED FOR VALID at attempt {made}: {sorted(lost)}", flush=True)
            if made % EVERY == 0:
                print(f"{made:>7,} attempts, {missed} passed for valid", flush=True)
    print(f"{attempts:,} attempts with seed {seed}: no crash, {missed} passed for valid")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
