"""What a run writes down while it goes on: every acknowledgement, every kill, every answer that nobody expected."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import IO


class Journal:
    """A file of JSON lines, so that the checker needs nothing of the program that made them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.surprises: list[str] = []
        self.refused: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.killed: Counter[str] = Counter()
        self._file: IO[str] = path.open("w", encoding="utf-8")

    def close(self) -> None:
        self._file.close()

    def acknowledge(self, tenant_id: str, topic: str, field: str, value: str, position: int) -> None:
        """A command was acknowledged: in that tenant's ledger one event of this topic has this value in this field."""
        self.acknowledged[topic] += 1
        self._write(kind="acknowledged", tenant=tenant_id, topic=topic, field=field, value=value, position=position)

    def kill(self, name: str) -> None:
        self.killed[name] += 1
        self._write(kind="killed", name=name)

    def refuse(self, reason: str) -> None:
        """An answer that is right while something is down; the caller asks again."""
        self.refused[reason] += 1

    def surprise(self, text: str) -> None:
        """An answer that no fault excuses."""
        self.surprises.append(text)
        self._write(kind="surprise", text=text)

    def saw(self, tenant_id: str, position: int, leaf_hash: str) -> None:
        """The tail reader got this entry, in this order."""
        self._write(kind="seen", tenant=tenant_id, position=position, leaf_hash=leaf_hash)

    def _write(self, **line: object) -> None:
        self._file.write(json.dumps({"at": round(time.time(), 3), **line}) + "\n")
        self._file.flush()
