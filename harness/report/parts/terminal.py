"""Text and tables for a terminal or a pipe, by rich, as a string."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import StringIO

from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len, chop_cells
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

MIN_WIDTH = 40  # below it tables are not legible; lines are then as for this width
_MIN_NAME = 20  # cells of the column of names, before other columns are left out
_GAP = 2
_PLAIN = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
_PIECES = re.compile(r"[^\s\-_/.:,?&=]*[\s\-_/.:,?&=]?")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        cells: One line of text a row; the column of names wraps its long ones.
        styles: Colour of each cell; empty is the default colour.
        right: Whether it is aligned to the right.
        gives_way: 0 is always shown; a narrow terminal leaves out the highest number first.
    """

    title: str
    cells: Sequence[str]
    styles: Sequence[str] = ()
    right: bool = False
    gives_way: int = 0

    @property
    def cells_wide(self) -> int:
        """Width of its longest line, in cells."""
        return max(cell_len(text) for text in (self.title, *self.cells))


def render(parts: Iterable[RenderableType], *, width: int, color: bool) -> str:
    """Text for a terminal of `width` cells; without colours it has no control codes."""
    out = StringIO()
    console = Console(
        file=out,
        width=max(width, MIN_WIDTH),
        height=100,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
        _environ={},  # the caller has read NO_COLOR, TERM and COLUMNS
    )
    for part in parts:
        console.print(part)
    return "".join(f"{line.rstrip(' ')}\n" for line in out.getvalue().split("\n")[:-1])


def table(columns: Sequence[Column], *, name: int, width: int, color: bool) -> Table:
    """A table that fits the width: columns are left out, then names are wrapped.

    Args:
        columns: All with the same number of rows, at least one.
        name: Index of the column that is wrapped; it is always shown.
        width: Cells of the terminal.
        color: Whether it is for a terminal; otherwise its lines are ASCII.
    """
    names = columns[name]
    room = min(names.cells_wide, _MIN_NAME)
    shown = list(columns)
    while _taken(shown) - names.cells_wide + room > max(width, MIN_WIDTH):
        least = max(shown, key=lambda column: column.gives_way)
        if not least.gives_way:
            break
        shown.remove(least)
    left = max(width, MIN_WIDTH) - (_taken(shown) - names.cells_wide)
    wrapped = replace(names, cells=["\n".join(wrap_name(cell, left)) for cell in names.cells])
    shown = [wrapped if column is names else column for column in shown]
    return _table(shown, SIMPLE_HEAD if color else _PLAIN)


def wrap_name(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken after punctuation where possible."""
    lines = [""]
    for piece in _PIECES.findall(text):
        if cell_len(lines[-1]) + cell_len(piece.rstrip()) <= width:
            lines[-1] += piece
        else:
            lines.extend(chop_cells(piece, max(2, width)))
    return [line.strip() for line in lines if line.strip()] or [""]


def _taken(columns: Sequence[Column]) -> int:
    return sum(column.cells_wide for column in columns) + _GAP * (len(columns) - 1)


def _table(columns: Sequence[Column], box: Box) -> Table:
    # The box itself puts one space between columns.
    result = Table(box=box, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for column in columns:
        justify = "right" if column.right else "left"
        result.add_column(column.title, justify=justify, overflow="fold")  # type: ignore[arg-type]
    styled = [zip(c.cells, c.styles or [""] * len(c.cells), strict=True) for c in columns]
    for row in zip(*styled, strict=True):
        result.add_row(*(Text(text, style) for text, style in row))
    return result
