"""The law over stored folders: `harness check` of a damaged run that did not pass never passes.

It ends with a verdict that is not green, or with a clear error. A person who changes every file
consistently can make any run: nothing in a folder is signed. The law is about loss, accidents and
contradictions. A folder of an older version has no digests, so run.json without them is such a run.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random

from harness.cli import parser
from harness.errors import (
    EXIT_BREACH,
    EXIT_INCONCLUSIVE,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    HarnessError,
)
from tests.law.law import Violation
from tests.law.spoil import EVERY, PARTS, Spoil
from tests.law.stored import Files, not_green, place

ALLOWED = {EXIT_USAGE, EXIT_BREACH, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED}
_PARSER = parser(["check"])


def check(folder: Path, files: Files) -> int:
    """The exit code of `harness check` of these files, which are written into a folder first."""
    place(folder, files)
    options = _PARSER.parse_args(["check", str(folder)])
    try:
        with redirect_stdout(StringIO()):
            return int(options.command(options))
    except HarnessError as error:
        return error.exit_code if error.message.strip() else EXIT_INTERNAL


def violations(count: int, seed: int, spoils: Sequence[Spoil] = EVERY) -> Iterator[Violation]:
    """The damaged folders that passed or ended in a traceback.

    Args:
        count: How many folders are damaged.
        seed: Makes the same folders again.
        spoils: The ways to damage a folder.
    """
    chance = Random(seed)
    with tempfile.TemporaryDirectory() as path:
        for _ in range(count):
            name = chance.choice(list(not_green()))
            files = not_green()[name]
            damages = chance.sample(spoils, chance.choice([1, 1, 1, 2, 3]))
            for damage in damages:
                files = damage(chance, files) if _can_be_spoiled(files) else files
            try:
                code: int | str = check(Path(path), files)
            except Exception:  # noqa: BLE001 - a traceback is what is searched for
                code = traceback.format_exc().strip().splitlines()[-1]
            if code not in ALLOWED:
                what = "passed" if code == 0 else str(code)
                yield Violation(name, tuple(d.__name__ for d in damages), what)


def _can_be_spoiled(files: Files) -> bool:
    """Whether each part is there and has content, which the damages choose from."""
    return all(files.get(name) for name in PARTS)
