"""What people see: tables that fit 100 columns and narrower terminals, key and value lists, and JSON for programs.

In a pipe or a file a row is one line, however long, so that `grep` and `sort` find it whole.
"""

import json
import os
import shutil
from collections.abc import Iterable, Sequence

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

USUAL_WIDTH = 100
"""Columns where the output is no terminal and nothing says how wide it is."""
NARROWEST = 40
UNFOLDED = 10_000
"""Columns of a row in a pipe."""
COMFORTABLE = 20
"""Columns that a time or a short phrase takes; wider cells are folded before those that need no more."""
LONG_WORD = 14
"""Longer words are broken where that keeps a table within the terminal."""
NARROWEST_COLUMN = 10
"""Columns of a date. Where a table would need less for one of its own, its rows are shown one below the other."""
BETWEEN_COLUMNS = 3


def console() -> Console:
    """Colour only where the terminal has it; never wider than the terminal."""
    width = None
    if not os.environ.get("COLUMNS"):
        width = max(NARROWEST, shutil.get_terminal_size((USUAL_WIDTH, 24)).columns)
    return Console(width=width, highlight=False, markup=False, emoji=False)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", empty: str = "") -> None:
    """`empty` is said when there are no rows. A column whose name ends in `>` is set to the right; one that ends in
    `!` holds identifiers, which are copied and so never folded: where a terminal has no room for a table with them,
    rows are shown one below the other.
    """
    out, listed = _for_rows(), list(rows)
    if not listed:
        out.print(empty or "Nothing.")
        return
    cells = _cells(listed)
    widths = _widths(columns, cells, out.width)
    if widths is None:
        _show_one_below_the_other(out, columns, cells, title)
    else:
        _put(out, _table(columns, cells, title, widths))


def _show_one_below_the_other(out: Console, columns: Sequence[str], rows: Sequence[Sequence[Text]], title: str) -> None:
    """What a narrow terminal shows instead of a table: every row as names and values, with a line between."""
    if title:
        out.print(title)
    for row in rows:
        out.print("─" * min(out.width, NARROWEST))
        show_pairs(zip((name.rstrip(">!") for name in columns), row, strict=True))


def table_of(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> Table:
    """The table as it fits the terminal, for those that print it themselves."""
    cells = _cells(rows)
    return _table(columns, cells, title, _widths(columns, cells, console().width) or [None] * len(columns))


def _cells(rows: Iterable[Sequence[object]]) -> list[list[Text]]:
    return [[cell if isinstance(cell, Text) else Text(_cell(cell)) for cell in row] for row in rows]


def _table(columns: Sequence[str], rows: Sequence[Sequence[Text]], title: str, widths: Sequence[int | None]) -> Table:
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, width in zip(columns, widths, strict=True):
        justify: JustifyMethod = "right" if name.endswith(">") else "left"
        table.add_column(name.rstrip(">!"), justify=justify, overflow="fold", width=width)
    for row in rows:
        table.add_row(*row)
    return table


def _widths(columns: Sequence[str], rows: Sequence[Sequence[Text]], room: int) -> list[int] | None:
    """How wide each column is; None where they do not fit. The widest shrink first: long phrases before short ones,
    then long words.
    """
    names = [name.rstrip(">!") for name in columns]
    texts = [[name, *(row[index].plain for row in rows)] for index, name in enumerate(names)]
    widths = [max(cell_len(line) for text in column for line in text.split("\n")) for column in texts]
    words = [max((cell_len(word) for text in column for word in text.split()), default=1) for column in texts]
    longest_names = [max((cell_len(word) for word in name.split()), default=1) for name in names]
    foldable = [index for index, name in enumerate(columns) if not name.endswith("!")]
    excess = sum(widths) + BETWEEN_COLUMNS * (len(widths) - 1) - room
    for longest_word in (max(words), LONG_WORD, NARROWEST_COLUMN):
        lowest = [max(min(word, longest_word), name) for word, name in zip(words, longest_names, strict=True)]
        for comfortable in (COMFORTABLE, 0):
            while excess > 0:
                can = [index for index in foldable if widths[index] > max(lowest[index], comfortable)]
                if not can:
                    break
                widths[max(can, key=lambda index: (widths[index], words[index]))] -= 1
                excess -= 1
    return widths if excess <= 0 else None


def show_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Key and value, one a line; those without a value are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for key, value in pairs:
        text = value if isinstance(value, Text) else Text(_cell(value))
        if text.plain:
            grid.add_row(key, text)
    _put(_for_rows(), grid)


def folded() -> bool:
    """Whether rows are folded to a width; a row is one line where they are not."""
    return console().is_terminal or bool(os.environ.get("COLUMNS"))


def _for_rows() -> Console:
    out = console()
    if not folded():
        out.width = UNFOLDED
    return out


def _put(out: Console, content: RenderableType) -> None:
    """Prints it; no file gets the spaces with which a terminal's lines are filled up."""
    if out.is_terminal:
        out.print(content)
        return
    with out.capture() as taken:
        out.print(content)
    for line in taken.get().splitlines():
        print(line.rstrip())


def show_text(text: str) -> None:
    """A document as it is, such as a charter: never folded, so that it can be kept in a file and used again."""
    print(text.rstrip())


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
