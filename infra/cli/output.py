"""What people see: tables that fit 100 columns and narrower terminals, key and value lists, and JSON for programs."""

import json
import os
import shutil
from collections.abc import Iterable, Sequence

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

USUAL_WIDTH = 100
"""Columns where the output is no terminal and nothing says how wide it is."""
NARROWEST = 40
ROOMY_FOR_TABLES = 70
"""Below this width rows are shown one below the other."""
ROOMY = 90
"""From this width on a table has room for an identifier of 36 characters in one piece."""


def console() -> Console:
    """Colour only where the terminal has it; never wider than the terminal."""
    width = None
    if not os.environ.get("COLUMNS"):
        width = max(NARROWEST, shutil.get_terminal_size((USUAL_WIDTH, 24)).columns)
    return Console(width=width, highlight=False, markup=False, emoji=False)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", empty: str = "") -> None:
    """`empty` is said when there are no rows. A column whose name ends in `>` is set to the right; one that ends in
    `!` holds identifiers, which are copied and so not folded where the terminal has room for them.
    """
    out, listed = console(), list(rows)
    if not listed:
        out.print(empty or "Nothing.")
        return
    if out.width < ROOMY_FOR_TABLES:
        _show_one_below_the_other(out, columns, listed, title)
        return
    out.print(table_of(columns, listed, title=title))


def _show_one_below_the_other(
    out: Console, columns: Sequence[str], rows: Sequence[Sequence[object]], title: str
) -> None:
    """What a narrow terminal shows instead of a table: every row as names and values, with a line between."""
    if title:
        out.print(title)
    for row in rows:
        out.print("─" * min(out.width, NARROWEST))
        named = zip((name.rstrip(">!") for name in columns), row, strict=True)
        show_pairs((name, cell if isinstance(cell, Text) else _cell(cell)) for name, cell in named)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> Table:
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        unfolded = name.endswith("!") and console().width >= ROOMY
        table.add_column(
            name.rstrip(">!"),
            justify="right" if name.endswith(">") else "left",
            overflow="fold",
            no_wrap=unfolded,
        )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(_cell(cell)) for cell in row))
    return table


def show_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Key and value, one a line; those without a value are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for key, value in pairs:
        if value not in ("", None):
            grid.add_row(key, value if isinstance(value, Text) else Text(_cell(value)))
    console().print(grid)


def show_json(content: Message | object) -> None:
    """Plain JSON, never folded or coloured."""
    value = plain(content) if isinstance(content, Message) else content
    print(json.dumps(value, indent=2, ensure_ascii=False))


def plain(message: Message) -> dict[str, object]:
    """The message as JSON values, with the field names of its schema."""
    return MessageToDict(message, preserving_proto_field_name=True)


def say(text: str) -> None:
    console().print(text)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
