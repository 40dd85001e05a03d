"""Cells that a spreadsheet shows and does not run.

A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line end for a formula,
quoted or not (OWASP, "CSV Injection"). An apostrophe in front makes it text. Phone numbers get one
too: a spreadsheet would calculate +1-555-0100. An import takes the apostrophe away again, so that a
file of an export is read as it was.
"""

from __future__ import annotations

import re
from typing import Final

# The full-width forms count for spreadsheets in Japanese and Chinese. A text that begins with
# apostrophes and then one of these gets one more, so that each cell has one text only.
_FORMULA: Final = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def safe_cell(text: str) -> str:
    """The text as a cell of a CSV file."""
    return f"'{text}" if _FORMULA.match(text) else text


def text_of_cell(cell: str) -> str:
    """The text that `safe_cell` made a cell of; other cells stay as they are."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
