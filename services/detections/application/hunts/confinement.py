"""What a process of a hunt takes from itself before it looks at what comes from outside."""

import resource

import duckdb


def confine(address_space: int) -> None:
    """From here on this process can put nothing into a file, and what wants memory beyond so many bytes fails.

    DuckDB's own limit does not count all that it makes: values of an answer, lists, texts.
    """
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))


def database(memory_limit: str) -> duckdb.DuckDBPyConnection:
    """An empty one in memory, with one thread.

    Without a directory for what does not fit: it would hold telemetry in plain, stay there when the process is killed,
    and be open to the next question, since DuckDB always lets a question read that directory.
    """
    return duckdb.connect(config={"memory_limit": memory_limit, "threads": 1, "temp_directory": ""})
