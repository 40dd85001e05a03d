"""A load goes in; the setup of its generator comes out, or a refusal before any process starts."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

from harness.budgets.model import Load
from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload
from harness.errors import ScenarioError
from harness.load.protocol.frames import Setup
from harness.load.protocol.master import MAX_LOCUSTFILE, WorkerPool

_LOCAL = "127.0.0.1"


def setup_of(
    load: Load,
    url: str,
    *,
    trace_ratio: float,
    workers: int,
    pool: WorkerPool | None,
    seconds: float,
    ca_file: Path | None,
    keep_answers: bool,
) -> Setup:
    """The first frame to a generator; the arguments are as in `generator`.

    Raises:
        ScenarioError: There is no locustfile, it is too large for the workers of other machines,
            there are fewer users than workers, or a path or an argument is not UTF-8.
    """
    path, ca = load.locustfile.resolve(), str(ca_file.absolute()) if ca_file else ""
    _check(load, path, workers, pool)
    _check_texts((str(path), ca, *load.arguments))
    role = pool
    if role is None and workers > 1:
        run_id, secret = secrets.token_hex(8), secrets.token_hex(32)
        role = WorkerPool(_LOCAL, 0, workers, run_id, secret, same_clock=True)
    return Setup(
        *(str(path), url, load.workload, load.tags, load.exclude_tags, trace_ratio),
        *(role, load.arguments, seconds, ca),
        keep_answers=keep_answers,
    )


def _check(load: Load, path: Path, workers: int, pool: WorkerPool | None) -> None:
    if not load.locustfile.is_file():
        raise ScenarioError(
            f"{load.locustfile}: no such locustfile", "Correct `locustfile` of the scenario."
        )
    match load.workload:
        case OpenWorkload(max_users=users):
            if users < (count := pool.workers if pool else workers):
                raise ScenarioError(
                    f"{users} users cannot be divided between {count} workers",
                    "Raise max_users of the scenario, or run it with fewer workers.",
                )
        case ClosedWorkload() | ShapeWorkload():
            pass  # a worker without users does no harm
        case _:
            assert_never(load.workload)
    if pool and path.stat().st_size > MAX_LOCUSTFILE:
        raise ScenarioError(
            f"{load.locustfile}: too large to be sent to workers: {path.stat().st_size} bytes, "
            f"at most {MAX_LOCUSTFILE}",
            "Move data out of the locustfile, into files on each machine.",
        )


def _check_texts(texts: Iterable[str]) -> None:
    """Refuse what cannot be sent to the generator: a name with bytes that are no UTF-8."""
    for text in texts:
        if (shown := text.encode("utf-8", "replace").decode()) != text:
            raise ScenarioError(
                f"{shown} is not text in UTF-8",
                "Rename the folder or the file; give arguments of the locustfile in UTF-8.",
            )
