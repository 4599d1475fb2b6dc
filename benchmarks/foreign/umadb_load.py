"""Appends to UmaDB, run by the interpreter that it is installed for: `umadb_load.py URL THREADS COMMANDS`.

Each command is one event on a condition that nothing with its stream's tag was recorded, as a new stream in Tenet is.
Prints the rate and the latencies as JSON.
"""

import json
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import umadb  # It is no part of Tenet's environment.

ENTRY = 600


def main() -> None:
    url, threads, commands = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    client = umadb.Client(url)
    data = secrets.token_bytes(ENTRY // 2).hex().encode()
    latencies: list[float] = []

    def append(_: int) -> None:
        tag = f"stream-{secrets.token_hex(8)}"
        condition = umadb.AppendCondition(umadb.Query([umadb.QueryItem(tags=[tag])]))
        started = time.perf_counter()
        client.append([umadb.Event("TenantActivated", data, [tag])], condition)
        latencies.append(time.perf_counter() - started)

    with ThreadPoolExecutor(threads) as executor:
        list(executor.map(append, range(commands // 10)))
        latencies.clear()
        started = time.perf_counter()
        list(executor.map(append, range(commands)))
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "latencies": latencies}))


if __name__ == "__main__":
    main()
