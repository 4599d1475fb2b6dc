"""The local issuer's files: its signing keys, newest first, and the secret that its callers show."""

import json
import os
from pathlib import Path

from joserfc.jwk import KeySet, OKPKey

from contracts.ids import new_id
from infra.runtime.secret_files import secret

MAX_PUBLISHED_KEYS = 3
"""A rotated key stays published, so that tokens signed by it are good until they expire."""
KEYS_FILE = "keys.json"
SECRET_FILE = "secret"  # noqa: S105  # A file's name.


class IssuerFiles:
    """Everything under one private directory, each file readable by its owner alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def signing_keys(self) -> list[OKPKey]:
        """The keys, of which the first signs; made at the first call."""
        path = self._directory / KEYS_FILE
        if not path.exists():
            return self.rotate()
        return [key for key in KeySet.import_key_set(json.loads(path.read_text())).keys if isinstance(key, OKPKey)]

    def rotate(self) -> list[OKPKey]:
        """Puts a new key in front of the older ones."""
        path = self._directory / KEYS_FILE
        older = self.signing_keys() if path.exists() else []
        fresh = OKPKey.generate_key("Ed25519", {"kid": new_id("key"), "use": "sig", "alg": "Ed25519"})
        keys = [fresh, *older][:MAX_PUBLISHED_KEYS]
        _write(path, json.dumps({"keys": [key.as_dict(private=True) for key in keys]}))
        return keys

    def secret(self) -> str:
        return secret(self._directory, SECRET_FILE)


def read_secret(directory: Path) -> str:
    """The secret of a local issuer whose files lie there. Raises FileNotFoundError, PermissionError."""
    return (directory / SECRET_FILE).read_text().strip()


def _write(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
