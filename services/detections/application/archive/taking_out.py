"""What of an archived file names a subject, and the file without it. Runs in the process that writes the archive."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from contracts.ids import derive_id
from services.detections.application.archive.parquet import ParquetFile, Scratch, copy
from services.detections.application.archive.rows import source_of
from services.detections.application.tenant_index import TenantIndex

SUBJECT = "subject"
"""The kind of identifier that is derived from a blind index: see `Raising`."""


@dataclass(frozen=True, slots=True)
class FindNames:
    """Finds the names and addresses of a subject as a file's records of batches before a position write them.

    `known` are blind indexes that are the subject's; of a subject whose identifier is derived from one there are none.
    """

    content: bytes
    before: int
    subject: str
    known: frozenset[str]
    search_key: bytes

    def done(self, scratch: Scratch) -> set[str]:
        index = TenantIndex(self.search_key)
        found: set[str] = set()
        for part in _parts(_values(scratch, self.content, self.before)):
            for own in (index.name(part), index.address(part)):
                if own in self.known or derive_id(SUBJECT, own) == self.subject:
                    found.add(part)
        return found


@dataclass(frozen=True, slots=True)
class TakeOut:
    """The file without those records of batches before a position that hold one of the words, or are named themselves
    (hash of the batch, number there); None where it has no such record. A word stands by itself, whatever its case: it
    is no part of another word."""

    content: bytes
    before: int
    words: Sequence[str]
    records: Sequence[tuple[str, int]]

    def done(self, scratch: Scratch) -> ParquetFile | None:
        with scratch.room() as room, scratch.database().cursor() as cursor:
            source, target = room / "file.parquet", room / "rest.parquet"
            source.write_bytes(self.content)
            everything = source_of([str(source)])
            # What comes from outside goes in as values of a table, because a COPY takes no parameters.
            cursor.execute("CREATE OR REPLACE TEMP TABLE gone (batch_sha256 VARCHAR, record BIGINT)")
            for each in self.records:
                cursor.execute("INSERT INTO gone VALUES ($1, $2)", list(each))
            cursor.execute("CREATE OR REPLACE TEMP TABLE wanted AS SELECT $1 AS pattern", [self._pattern()])
            text = "concat_ws(chr(10), host, address, text, fields::VARCHAR, alert::VARCHAR)"
            rest = (
                f"(SELECT kept.* FROM {everything} AS kept WHERE NOT (batch_position < {int(self.before)}"  # noqa: S608  # Own names.
                f" AND (regexp_matches({text}, (SELECT pattern FROM wanted))"
                " OR EXISTS (FROM gone WHERE gone.batch_sha256 = kept.batch_sha256 AND gone.record = kept.record))))"
            )
            total = cursor.execute(f"SELECT count(*) FROM {everything}").fetchone()  # noqa: S608  # Own names.
            left = copy(cursor, rest, target)
            return None if total == (left,) else ParquetFile(target.read_bytes(), left)

    def _pattern(self) -> str:
        """In RE2's language; one that nothing matches where there are no words."""
        forms = {form for word in self.words for form in (word, orjson.dumps(word).decode()[1:-1])}
        if not forms:
            return "[^\\x00-\\x{10FFFF}]"
        return f"(?i)(?:^|[^\\pL\\pN_])(?:{'|'.join(map(_literally, sorted(forms)))})(?:$|[^\\pL\\pN_])"


def _literally(word: str) -> str:
    return re.sub(r"([^\w\s])", r"\\\1", word)


def _values(scratch: Scratch, content: bytes, before: int) -> Iterator[str]:
    """Every value that the records' fields have, each once; members of lists, too."""
    with scratch.room() as room, scratch.database().cursor() as cursor:
        path = room / "file.parquet"
        path.write_bytes(content)
        rows = cursor.execute(
            f"WITH told AS (SELECT * FROM {source_of([str(path)])} WHERE batch_position < $1)"  # noqa: S608  # Own names.
            " SELECT host FROM told UNION SELECT address FROM told"
            " UNION SELECT unnest(json_extract_string(fields, '$.*')) FROM told"
            " UNION SELECT unnest(json_extract_string(alert, '$.*')) FROM told",
            [before],
        ).fetchall()
    for (value,) in rows:
        if value:
            yield from _members(value)


def _members(value: str) -> Sequence[str]:
    if not value.startswith("["):
        return [value]
    try:
        read = orjson.loads(value)
    except orjson.JSONDecodeError:
        return [value]  # It is a text that only begins like a list.
    return [each for each in read if isinstance(each, str)]


def _parts(values: Iterable[str]) -> Iterator[str]:
    """A value, an account without its domain, a host without its domain."""
    for value in values:
        yield value
        for part in (value.rpartition("\\")[2], value.partition("@")[0], value.partition(".")[0]):
            if part and part != value:
                yield part
