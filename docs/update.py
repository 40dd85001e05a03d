"""Writes the generated parts of the documentation, between markers in the text.

    uv run python docs/update.py          the tables in budgets.md and prometheus.md, the diagram of
                                          the tables in service.md
    uv run python docs/update.py --output the output in README.md, by a real run (about 30 s)
    uv run python docs/update.py --selftest a table in selftest.md, by real runs (about 12 min): the
                                            second one with SAMPLE_APP_REDIS_URL in the environment
    uv run python docs/update.py --selftest NAME...
                                            the rows of these cases alone
    uv run python docs/update.py --selftest --diagnose
                                            one more run for each case of the tables of causes, of
                                            those with the fewest; stop it and start it again as you
                                            like (about 1 min a case)

A test compares what the first command writes; run the others by hand before a release.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

from harness.budgets.dialects.model import lacking
from harness.budgets.dialects.read import dialects
from harness.budgets.dialects.recognise import PROCESS, assumed
from harness.budgets.model import selectors
from harness.budgets.parse.indicators import KINDS
from harness.budgets.parse.json_schema import json_schema
from harness.budgets.presets import CATALOGUE, Preset
from harness.names import MEANINGS
from sample_app.models import tables
from sample_app.models.base import Base

DOCS = Path(__file__).parent
_CASE = re.compile(r"^(?=\| `([^`]+)` \|)(.*)$", re.MULTILINE)  # a row of a self-test
# A row of the causes that a self-test names, in its output; a row of the table of all runs.
_HIT = re.compile(
    r"^\| `([^`]+)` \| (.+?) \| (first|second|third|number \d+|not named) \|", re.MULTILINE
)
_COUNTS = re.compile(r"^\| `([^`]+)` \| (.+?) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
_UNFOUNDED = re.compile(r"a cause named for (?P<named>\d+) of (?P<budgets>\d+) budgets")
_RANKS = {"first": 1, "second": 2, "third": 3}
_RULE = "| --- | --- | --- | --- | --- |"
NOTHING = "nothing planted"
SECTIONS = {
    "FileSpec": "The file",
    "TargetSpec": "`target:` the service under load",
    "RequestsSpec": "`requests:` of the target",
    "ScenarioSpec": "`scenarios:` ways to load it, by name",
    "WorkloadSpec": "`workload:` of a scenario or a load",
    "StageSpec": "`stages:` of a workload",
    "LoadSpec": "`loads:` of a scenario, by name",
    "CapacitySpec": "`capacity:` of a scenario",
    "BudgetSpec": "`budgets:` what must hold, by name",
    "AlertSpec": "`alert:` of a budget",
    "WaiverSpec": "`waiver:` of a budget",
    "CompareSpec": "`compare:` comparisons of two versions",
    "SelftestSpec": "`selftest:` planted mistakes, by name",
}


def keys() -> str:
    """A table of keys for each section, then one for the kinds of indicator and the presets."""
    schema: Any = json_schema()
    definitions: Any = {"FileSpec": schema, **schema["$defs"]}
    parts = []
    for name, title in SECTIONS.items():
        parts += [f"### {title}", "", "| key | meaning |", "|---|---|", *_rows(definitions[name])]
        parts.append("")
    parts += ["### `indicator:` kinds", "", "| kind | value | keys |", "|---|---|---|"]
    for kind, spec in KINDS.items():
        definition = definitions[spec.__name__]
        names = ", ".join(
            _key(definition, key) for key in definition["properties"] if key != "kind"
        )
        parts.append(f"| `{kind}` | {definition['description']} | {names} |")
    parts += ["", "### `indicator:` presets", "", "| preset | value | metrics by dialect |"]
    parts += ["|---|---|---|", *(_preset(name, preset) for name, preset in CATALOGUE.items())]
    parts += ["", "### Dialects", "", "| dialect | of |", "|---|---|"]
    parts += [f"| `{name}` | {one.title} |" for name, one in dialects().items()]
    return "\n".join([*parts, ""])


def _preset(name: str, preset: Preset) -> str:
    """A row with the series that a preset reads in each dialect that has them."""
    lines = []
    for dialect in dialects() if preset.roles else ():
        indicator = preset.make(assumed([dialect]))
        of_dialect = {one.metric for one in assumed([dialect]).played.values()}
        of_dialect -= {one.metric for one in assumed([]).played.values()} - {dialect}
        read = selectors(indicator)
        own = dialect == PROCESS or any(one.metric.startswith(tuple(of_dialect)) for one in read)
        if own and not lacking(indicator):
            series = " / ".join(f"`{one}`".replace("|", "\\|") for one in read)
            lines.append(f"{dialect}: {series}")
    return f"| `{name}` | {preset.meaning} | {'<br>'.join(lines) or 'the load generator'} |"


def metrics() -> str:
    """A table of the metrics that the harness exposes to Prometheus."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in MEANINGS.items()]
    return "\n".join(["| metric | meaning |", "|---|---|", *rows, ""])


def entities() -> str:
    """A diagram of the service's tables, with the types of PostgreSQL."""
    lines = ["```mermaid", "erDiagram"]
    for table in sorted(Base.metadata.tables.values(), key=lambda table: table.name):
        lines.append(f"    {table.name} {{")
        lines += [f"        {_column(column)}" for column in table.columns]
        lines.append("    }")
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
            one = "|o" if key.parent.nullable else "||"
            label = f"{key.parent.name}, on delete {(key.ondelete or 'restrict').lower()}"
            lines.append(f'    {key.column.table.name} {one}--o{{ {table.name} : "{label}"')
    assert tables.__all__  # imported, so that the metadata is complete
    return "\n".join([*lines, "```", ""])


def _column(column: Column[Any]) -> str:
    """One attribute in Mermaid: type, name, keys, and whether it may be absent."""
    kind = column.type.compile(postgresql.dialect()).partition(" COLLATE ")[0].lower()  # type: ignore[no-untyped-call]
    kind = kind.replace("timestamp with time zone", "timestamptz").replace(" ", "_")
    keys = [
        name
        for name, is_one in (
            ("PK", column.primary_key), ("FK", column.foreign_keys), ("UK", column.unique),
        )
        if is_one
    ]  # fmt: skip
    return " ".join(
        filter(None, (kind, column.name, ", ".join(keys), '"or null"' if column.nullable else ""))
    )


def _rows(definition: dict[str, Any]) -> list[str]:
    return [
        f"| {_key(definition, key)} | {spec.get('description', '')} |".replace("||", "|")
        for key, spec in definition["properties"].items()
    ]


def _key(definition: dict[str, Any], key: str) -> str:
    return f"**`{key}`**" if key in definition.get("required", ()) else f"`{key}`"


def between(text: str, marker: str, content: str) -> str:
    """The text with the content between `<!-- marker -->` and `<!-- end -->` replaced."""
    pattern = rf"(<!-- {re.escape(marker)} -->\n).*?(<!-- end -->)"
    replaced, count = re.subn(pattern, lambda m: m[1] + content + m[2], text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the text has {count} markers {marker!r}")
    return replaced


def output() -> str:
    """The output of `harness run smoke`."""
    command = [sys.executable, "-m", "harness", "run", "smoke"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"```\n{result.stdout}```\n"


def selftest(names: Sequence[str] = ()) -> str:
    """The table of `harness selftest`, which contains every outcome."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.md"
        options = ["--markdown", str(table), *names]
        subprocess.run([sys.executable, "-m", "harness", "selftest", *options], check=False)
        return table.read_text()


def with_rows(old: str, new: str) -> str:
    """A table of self-tests with the rows of another one in place of its own.

    Args:
        old: The table, as it stands in selftest.md.
        new: A table with some of its cases, or with others, which are added.
    """
    before, after = (dict(_CASE.findall(text)) for text in (old, new))
    rows = "".join(f"{row}\n" for row in (before | after).values())
    number = len(before | after)
    head = new[: _CASE.search(new).start()]  # type: ignore[union-attr]  # it has rows
    return re.sub(r"^\d+ runs? from", f"{number} runs, the last ones from", head) + rows


class Named(NamedTuple):
    """How often the diagnosis of a self-test named its cause.

    Attributes:
        runs: That detected the mistake.
        first: How often it was named first; of `NOTHING`, the budgets with a cause.
        three: How often it was among the first three; of `NOTHING`, all explained budgets.
        cause: The planted one.
    """

    runs: int = 0
    first: int = 0
    three: int = 0
    cause: str = "-"


def accuracy(old: str, new: str) -> str:
    """A table of causes with the runs of a self-test added.

    Args:
        old: The table, as it stands in selftest.md.
        new: The tables that `harness selftest --diagnose` wrote.
    """
    counts = counts_of(old)
    for case, cause, place in _HIT.findall(new):
        had, rank = counts.get(case, Named()), _RANKS.get(place, 0)
        counts[case] = Named(had.runs + 1, had.first + (rank == 1), had.three + bool(rank), cause)
    if found := _UNFOUNDED.search(new):
        had = counts.get(NOTHING, Named())
        named, budgets = had.first + int(found["named"]), had.three + int(found["budgets"])
        counts[NOTHING] = Named(had.runs + 1, named, budgets)
    return accuracy_table(counts)


def counts_of(table: str) -> dict[str, Named]:
    """The rows of a table of causes by their case."""
    return {
        case: Named(int(runs), int(first), int(three), cause)
        for case, cause, runs, first, three in _COUNTS.findall(table)
    }


def accuracy_table(counts: Mapping[str, Named]) -> str:
    """The table of causes, with the sums of its rows."""
    planted = {case: one for case, one in counts.items() if case != NOTHING}
    lines = ["| case | planted cause | runs | named first | among the first three |", _RULE]
    lines += [
        f"| `{case}` | {one.cause} | {one.runs} | {one.first} | {one.three} |"
        for case, one in planted.items()
    ]
    runs = sum(one.runs for one in planted.values())
    if runs:
        first = sum(one.first for one in planted.values())
        three = sum(one.three for one in planted.values())
        shares = f"**{first} ({first / runs:.0%})** | **{three} ({three / runs:.0%})**"
        lines.append(f"| all | - | {runs} | {shares} |")
    if NOTHING in counts:
        sound = counts[NOTHING]
        lines += ["", "| no mistake, bounds too tight | cause | runs | with a cause | budgets |"]
        lines += [_RULE, f"| `{NOTHING}` | - | {sound.runs} | {sound.first} | {sound.three} |"]
    return "\n".join([*lines, ""])


def update_accuracy(names: Sequence[str]) -> None:
    """One more run of each case that names a cause and has the fewest runs so far."""
    marker = "causes-redis" if os.environ.get("SAMPLE_APP_REDIS_URL") else "causes"
    path = DOCS / "selftest.md"
    plan = yaml.safe_load((DOCS.parent / "budgets.yaml").read_text())["selftest"]
    cases = [name for name, case in plan.items() if "cause" in case]
    counts = counts_of(_old(path, marker))
    done = {case: counts.get(case, Named()).runs for case in cases}
    for case in names or [case for case in cases if done[case] == min(done.values())]:
        new = selftest([case, "--diagnose"])
        path.write_text(between(path.read_text(), marker, accuracy(_old(path, marker), new)))


def _old(path: Path, marker: str) -> str:
    """What stands between a marker and its end."""
    return path.read_text().partition(f"<!-- {marker} -->\n")[2].partition("<!-- end -->")[0]


def main(arguments: list[str]) -> None:
    """Rewrite the files in place."""
    jobs = {
        DOCS / "budgets.md": ("keys", keys),
        DOCS / "prometheus.md": ("metrics", metrics),
        DOCS / "service.md": ("entities", entities),
    }
    if "--output" in arguments:
        jobs = {DOCS.parent / "README.md": ("output", output)}
    if "--selftest" in arguments:
        marker = "table-redis" if os.environ.get("SAMPLE_APP_REDIS_URL") else "table"
        names = [word for word in arguments if not word.startswith("-")]
        if "--diagnose" in arguments:
            update_accuracy(names)
            return
        update = partial(with_rows, _old(DOCS / "selftest.md", marker))
        jobs = {DOCS / "selftest.md": (marker, lambda: update(selftest(names)))}
        if not names:
            jobs = {DOCS / "selftest.md": (marker, selftest)}
    for path, (marker, content) in jobs.items():
        path.write_text(between(path.read_text(), marker, content()))


if __name__ == "__main__":
    main(sys.argv[1:])
