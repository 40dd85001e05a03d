"""Random budgets.yaml: valid and bad files with some of their lines, words and characters changed.

A file is either a plan or an error of which each line names the file and a line of it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

from harness.budgets.lint.plan import lint
from harness.budgets.model import Plan
from harness.budgets.parse.in_force import in_force
from harness.budgets.parse.parse import parse_plan
from harness.errors import BudgetsError

ROOT = Path(__file__).parents[2]
SOURCE = Path("budgets.yaml")
TODAY = date(2026, 11, 20)
LONGEST = 5.0  # seconds of the processor that one file may take
MOST_CHARACTERS = 20_000  # of a file that is changed again
_LINE = re.compile(r"budgets\.yaml:([1-9][0-9]*): \S.*")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML counts as the end of a line
_WORD = re.compile(r"[^\s:,{}\[\]\"']+")
_NUMBERS = [
    "0",
    "-0",
    "1",
    "-1",
    "1e308",
    "-1e308",
    "1e309",
    "1e-320",
    "0x10",
    "1_000",
    "NaN",
    ".nan",
    ".inf",
    "-.inf",
    "inf",
    "1e9999",
    "9",
]
_NUMBERS += ["9" * 400, "0." + "0" * 400 + "1", "1" + "0" * 30]
_UNITS = [
    "ns",
    "us",
    "µs",
    "μs",
    "ms",
    "s",
    "m",
    "min",
    "h",
    "d",
    "%",
    "B",
    "kB",
    "TiB",
    "/s",
    "/m",
    "/h",
]
_WORDS = [
    "true",
    "no",
    "~",
    "null",
    "on",
    "12:30",
    "2026-12-31",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31",
    "auto",
    "decided",
    "kind",
    "latency",
    "error_ratio",
    "promql",
    "gauge",
    "${A}",
    "${A:-}",
    "${A:-${B}}",
    "${",
    "$${",
    "{port}",
    "{side}",
    "{window}",
    "&",
    "*",
    "!",
    "|",
    ">",
    "?",
    "@",
    "`",
    "%",
    "<<",
    "<<:",
    "*a",
    "&a",
    "!!python/object:os.system",
    "!!binary",
    "!!set",
    "!!float",
    "!x",
    "---",
    "...",
    "#",
    "'a",
    '"a',
    '"\\x00"',
    '"\\ud800"',
    '"\\n"',
    "[",
    "]",
    "{",
    "}",
    "[[",
    "{{",
    "-",
    ":",
    "a:",
    "?a",
    "٣",
    "１",
    "𝟙",
    "é",
    "\u2028",
    "\x85",
    "\ufeff",
    "\t",
    "\r",
    "\x00",
    "\x1b",
]


def run(seconds: float, seed: int) -> list[str]:
    """Parse random files for so long; a line for each crash, slow file or error without a line."""
    chance = Random(seed)
    pool = seeds()
    findings = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = chance.choice(pool)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            text = chance.choice(_CHANGES)(chance, text, pool)[:MOST_CHARACTERS]
        if found := finding(text):
            findings.append(f"{found}: {text[:2000]!r}")
    return findings


def seeds() -> list[str]:
    """The files that are changed."""
    bad = sorted((ROOT / "tests/bad_budgets").rglob("*.yaml"))
    good = (ROOT / "tests/unit/budgets/parse/example.yaml", ROOT / "tests/rendered/kinds.yaml")
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in bad]
    return [text for text in texts if len(text) < MOST_CHARACTERS] + 20 * [
        path.read_text(encoding="utf-8") for path in good
    ]


def finding(text: str) -> str:
    """What is wrong with the answer to a file; empty when the answer is a plan or a clear error."""
    begun = time.process_time()
    try:
        _check_plan(parse_plan(text, SOURCE, {"A": "1", "B": "x"}, TODAY))
    except BudgetsError as error:
        lines = len(_BREAK.split(text))
        for line in error.message.split("\n"):
            match = _LINE.fullmatch(line)
            if match is None or int(match[1]) > lines or not line.isprintable():
                return f"unclear error {line!r}"
    except Exception as error:  # noqa: BLE001  any other exception is a finding
        return f"{type(error).__name__} {error}"[:300]
    taken = time.process_time() - begun
    return f"took {taken:.1f} s" if taken > LONGEST else ""


def _check_plan(plan: Plan) -> None:
    """Do with a plan what commands do before any load, and store the budgets in force."""
    lint(plan, None)
    again = parse_plan(in_force(plan.document), SOURCE, {}, None)
    if _judged(again) != _judged(plan):
        raise AssertionError("the stored budgets are not those in force")


def _judged(plan: Plan) -> object:
    return plan.service, plan.scenarios, [replace(one, line=0) for one in plan.budgets]


_Change = Callable[[Random, str, list[str]], str]


def _value(chance: Random) -> str:
    kind = chance.random()
    if kind < 0.5:
        return chance.choice(_NUMBERS) + chance.choice(["", *_UNITS])
    return chance.choice(_WORDS)


def _replace_word(chance: Random, text: str, pool: list[str]) -> str:
    words = list(_WORD.finditer(text))
    if not words:
        return text
    word = chance.choice(words)
    other = list(_WORD.finditer(chance.choice(pool)))
    new = chance.choice(other)[0] if other and chance.random() < 0.4 else _value(chance)
    return text[: word.start()] + new + text[word.end() :]


def _change_character(chance: Random, text: str, _: list[str]) -> str:
    place = chance.randrange(len(text) + 1)
    removed = chance.choice((0, 0, 1, 1, 5))
    return text[:place] + chance.choice(("", *_WORDS)) + text[place + removed :]


def _change_line(chance: Random, text: str, pool: list[str]) -> str:
    lines = text.split("\n")
    place = chance.randrange(len(lines))
    other = chance.choice(chance.choice(pool).split("\n"))
    match chance.randrange(5):
        case 0:
            del lines[place]
        case 1:
            lines.insert(place, lines[chance.randrange(len(lines))])
        case 2:
            lines.insert(place, other)
        case 3:
            lines[place] = chance.choice(("", " ", "  ", "\t")) + lines[place].lstrip()
        case _:
            lines[place] = lines[place].partition(":")[0] + ": " + _value(chance)
    return "\n".join(lines)


def _nest(chance: Random, text: str, _: list[str]) -> str:
    place = chance.randrange(len(text) + 1)
    depth = chance.choice((2, 10, 100, 1000))
    brackets = chance.choice(("[]", "{}", "[{", "- "))
    return text[:place] + brackets[0] * depth + "a" + brackets[1] * depth + text[place:]


def _repeat(chance: Random, text: str, _: list[str]) -> str:
    lines = text.split("\n")
    start = chance.randrange(len(lines))
    part = lines[start : start + chance.randrange(1, 9)]
    return "\n".join(lines[:start] + part * chance.choice((2, 3, 50)) + lines[start:])


_CHANGES: tuple[_Change, ...] = (
    *(_replace_word,) * 4,
    *(_change_line,) * 3,
    *(_change_character,) * 2,
    _nest,
    _repeat,
)
