"""The commands about the work in cases, as a person types them, against the running service."""

import asyncio
import os
import sys
from pathlib import Path

from infra.runtime.settings import CHECKOUT
from tests.services.cases.running_service import CasesService
from tests.services.cases.test_case_work_service import Work, cases_about
from tests.services.cases.test_service import eventually


async def tenet(service: CasesService, *words: str, succeeds: bool = True) -> str:
    """What a command of the analyst's prints."""
    token = (await service.analyst._metadata())[0][1].removeprefix("Bearer ")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.cli",
        *words,
        "--server",
        f"cases=127.0.0.1:{service.port}",
        cwd=CHECKOUT,
        env={**os.environ, "TENET_TOKEN": token, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode == 0) is succeeds, (words, err.decode())
    return (out + err).decode()


async def test_the_work_in_cases_from_the_command_line(service: CasesService, tmp_path: Path) -> None:
    of_tenant = ("--tenant", service.tenant_id)
    first, second = await cases_about(service, "a", "b", observables=("domain: c2.example.net",))

    async def suggested() -> bool:
        return len((await Work(service).ask("ListLinkSuggestions")).suggestions) == 1

    await eventually(suggested)
    listed = await tenet(service, "suggestion", "list", *of_tenant)
    assert "domain c2.example.net, within a day" in listed
    assert "domain c2.example.net (+5)" in await tenet(service, "case", "similar", first, *of_tenant)
    assert "c2.example.net" in await tenet(service, "case", "scope", first, *of_tenant)
    file = tmp_path / "note.txt"
    file.write_text("of our own invention")
    words = ("--summary", "A note", "--from", "desk-1, by hand")
    kept = await tenet(service, "evidence", "keep", first, str(file), *words, *of_tenant)
    evidence_id = kept.split(",")[0].strip()
    copy = tmp_path / "copy.txt"
    await tenet(service, "evidence", "copy", first, evidence_id, "-o", str(copy), "--purpose", "A look", *of_tenant)
    assert copy.read_bytes() == file.read_bytes()
    await tenet(service, "task", "add", first, "Call the owner.", "--due", "4h", *of_tenant)
    held = await tenet(service, "case", "content", first, *of_tenant)
    assert all(word in held for word in ("Call the owner.", "c2.example.net", "T1059", "note.txt", "copied"))
    merged = await tenet(
        service, "case", "merge", second, "case-of-nobody", "--into", first, "--reason", "One.", *of_tenant
    )
    assert "1 merged, 1 refused." in merged
    assert "CASE_UNKNOWN" in merged
    assert second in await tenet(service, "case", "show", first, *of_tenant)
    refused = await tenet(service, "case", "split", first, "nothing", "--reason", "Not so.", *of_tenant, succeeds=False)
    assert "SUBJECT_NOT_LINKED" in refused
