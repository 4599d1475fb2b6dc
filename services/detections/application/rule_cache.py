"""What is slow to make of rules, kept on disk from one start to the next: compiled rules and Hyperscan databases.

One SQLite file in a directory that nobody else may write to: a database for Hyperscan is taken as it is, so whoever
could change it could make this process do anything. Every value stands behind its digest, since a torn one must not
be run. What cannot be kept, for whatever reason, is made anew: the cache is never needed.
"""

import hashlib
import os
import sqlite3
import stat
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog

from services.detections.config import MAX_RULE_CACHE_BYTES
from services.detections.domain.sigma import ir
from services.detections.domain.sigma.compiler import CompiledRule

FILE = "rules.sqlite3"
_DIGEST_BYTES = 32
_BUSY_SECONDS = 5.0

log = structlog.get_logger()


class RuleCache:
    """Several processes and threads may use the same directory. One that others may write to is not used."""

    def __init__(self, directory: Path) -> None:
        self._connection = _opened(directory)
        self._turn = threading.Lock()
        self._here: set[str] = set()
        self._bytes = 0
        if self._connection is not None:
            (self._bytes,) = self._connection.execute("SELECT coalesce(sum(length(value)), 0) FROM kept").fetchone()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def get(self, key: str) -> bytes | None:
        if self._connection is None:
            return None
        try:
            with self._turn:
                row = self._connection.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            log.warning("rule_cache_unreadable", detail=str(error))
            return None
        if row is None or hashlib.sha256(row[0][_DIGEST_BYTES:]).digest() != row[0][:_DIGEST_BYTES]:
            return None
        data: bytes = row[0][_DIGEST_BYTES:]
        return data

    def put(self, key: str, data: bytes) -> None:
        self._put_all({key: data})

    def rule(self, sha256: str) -> CompiledRule | None:
        """The rule whose text has this SHA-256, if it was compiled before."""
        data = self.get(ir.key_of(sha256))
        if data is None:
            return None
        try:
            rule = ir.decode(data)
        except ir.NotARule:
            return None  # It is compiled anew.
        self._here.add(sha256)
        return rule

    def keep_rules(self, rules: Iterable[CompiledRule]) -> None:
        """Keeps those that did not come from here."""
        fresh = [rule for rule in rules if rule.sha256 not in self._here]
        self._put_all({ir.key_of(rule.sha256): ir.encode(rule) for rule in fresh})
        self._here.update(rule.sha256 for rule in fresh)

    def _put_all(self, values: Mapping[str, bytes]) -> None:
        if self._connection is None or not values:
            return
        size = sum(map(len, values.values()))
        try:
            with self._turn, self._connection:
                if self._bytes + size > MAX_RULE_CACHE_BYTES:
                    # Starting over is simpler than finding out what is still of use, and seldom needed.
                    self._connection.execute("DELETE FROM kept")
                    self._bytes = 0
                self._connection.executemany(
                    "INSERT OR REPLACE INTO kept (key, value) VALUES (?, ?)",
                    [(key, hashlib.sha256(data).digest() + data) for key, data in values.items()],
                )
                self._bytes += size
        except sqlite3.Error as error:
            log.warning("rule_cache_unwritable", detail=str(error))


def _opened(directory: Path) -> sqlite3.Connection | None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = directory.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
            log.warning("rule_cache_refused", directory=str(directory), detail="Others may write to it.")
            return None
        # The lock is what makes sharing it right.
        connection = sqlite3.connect(directory / FILE, timeout=_BUSY_SECONDS, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        log.warning("rule_cache_unusable", directory=str(directory), detail=str(error))
        return None
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
        connection.commit()
    except sqlite3.Error as error:
        log.warning("rule_cache_unusable", directory=str(directory), detail=str(error))
        connection.close()
        return None
    return connection
