"""The guide's snippets do what they say: its table is accepted as it stands, and its Python is Python."""

import ast
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection

import infra.read_database

README = (Path(infra.read_database.__file__).parent / "README.md").read_text(encoding="utf-8")


def snippets(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", README, flags=re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(indent + text if not text.startswith(indent) else text) for indent, text in found]


async def test_the_table_of_the_guide_is_made_and_guarded_as_it_stands(admin: AsyncConnection[Any]) -> None:
    (table,) = snippets("sql")
    await admin.execute("SET ROLE tenet_owner")
    await admin.execute(table.encode())
    try:
        cursor = await admin.execute(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = 'triage_queue'"
        )
        assert await cursor.fetchone() == (True,)
    finally:
        await admin.execute("DROP TABLE triage_queue")


@pytest.mark.parametrize("snippet", snippets("python"))
def test_the_python_of_the_guide_is_python(snippet: str) -> None:
    compile(snippet, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_guide_shows_a_table_a_view_a_question_a_policy_and_a_timer() -> None:
    assert len(snippets("sql")) == 1
    assert len(snippets("python")) >= 5
