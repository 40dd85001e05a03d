"""The expected reports in tests/golden, and the comparison of a report with its file.

After a wanted change write them again and read their diff: `make goldens && git diff tests/golden`.
"""

import os
from collections.abc import Iterable
from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "golden"


def check_golden(path: Path, text: str) -> None:
    """Assert that a file has exactly this text; with UPDATE_GOLDENS=1 write it first."""
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_bytes(text.encode())
    assert text.encode() == path.read_bytes()


def check_names(folder: Path, names: Iterable[str]) -> None:
    """Assert that a folder has exactly these files; with UPDATE_GOLDENS=1 delete all others."""
    expected = set(names)
    if os.environ.get("UPDATE_GOLDENS"):
        for path in folder.iterdir():
            if path.name not in expected:
                path.unlink()
    assert {path.name for path in folder.iterdir()} == expected
