"""Ways to damage the stored files of a run, as a failing disk or a careless person does."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from harness.names import BUDGETS_FILE, FAILURES_FILE, LATENCY_FILE, MANIFEST_FILE, METRICS_FILE
from tests.law.stored import Files, healthy, shifted

Spoil = Callable[[Random, Files], Files]
PARTS: Final = (LATENCY_FILE, METRICS_FILE, BUDGETS_FILE, MANIFEST_FILE)
_TIME: Final = re.compile(rb"1[78]\d{8}\.\d{3}")


def cut_at_a_byte(chance: Random, files: Files) -> Files:
    """A file ends early."""
    name = chance.choice(_parts(files))
    return _with(files, name, files[name][: chance.randrange(len(files[name]))])


def cut_at_a_line(chance: Random, files: Files) -> Files:
    """A log ends early, after a whole line."""
    name = chance.choice(_logs(files))
    lines = _lines(files, name)
    return _with(files, name, b"".join(lines[: chance.randrange(len(lines))]))


def lines_dropped(chance: Random, files: Files) -> Files:
    """Some lines of a log are missing: one, a block, or each with a probability."""
    name = chance.choice(_logs(files))
    lines = _lines(files, name)
    begin = chance.randrange(len(lines))
    kind = chance.randrange(3)
    if kind == 0:
        kept = lines[:begin] + lines[begin + 1 :]
    elif kind == 1:
        kept = lines[:begin] + lines[begin + chance.randint(1, len(lines)) :]
    else:
        share = chance.random()
        kept = [line for line in lines if chance.random() > share]
    return _with(files, name, b"".join(kept))


def series_dropped(chance: Random, files: Files) -> Files:
    """All lines of one series, or of one kind of time, are missing."""
    name = chance.choice(_logs(files))
    lines = _lines(files, name)
    gone = _subject(chance.choice(lines))
    return _with(files, name, b"".join(line for line in lines if _subject(line) != gone))


def worker_dropped(chance: Random, files: Files) -> Files:
    """All that one worker reported is missing."""
    worker = chance.choice([b"worker-1", b"worker-2"])
    spoiled = files
    for name in _logs(files):
        kept = [line for line in _lines(spoiled, name) if worker not in line]
        spoiled = _with(spoiled, name, b"".join(kept))
    return spoiled


def lines_repeated(chance: Random, files: Files) -> Files:
    """A line, or a block of lines, stands twice."""
    name = chance.choice(_logs(files))
    lines = _lines(files, name)
    begin = chance.randrange(len(lines))
    end = begin + chance.choice([1, 1, chance.randint(1, len(lines))])
    at = chance.randrange(len(lines))
    return _with(files, name, b"".join(lines[:at] + lines[begin:end] + lines[at:]))


def lines_reordered(chance: Random, files: Files) -> Files:
    """The lines of a log, or a block of them, are in another order."""
    name = chance.choice(_logs(files))
    lines = _lines(files, name)
    begin, end = sorted(chance.randrange(len(lines)) for _ in range(2))
    block = lines[begin:end]
    chance.shuffle(block)
    return _with(files, name, b"".join(lines[:begin] + block + lines[end:]))


def lines_of_a_series_swapped(chance: Random, files: Files) -> Files:
    """Two lines of a log have each other's values."""
    name = chance.choice(_logs(files))
    lines = _lines(files, name)
    a, b = (chance.randrange(len(lines)) for _ in range(2))
    lines[a], lines[b] = lines[b], lines[a]
    return _with(files, name, b"".join(lines))


def time_stamp_changed(chance: Random, files: Files) -> Files:
    """One time stamp, or all from a line on, are wrong."""
    name = chance.choice(_logs(files))
    lines = _lines(files, name)
    at = chance.randrange(len(lines))
    by = chance.choice([-3600.0, -10.0, -1.0, -0.001, 0.001, 1.0, 10.0, 3600.0])
    last = chance.choice([at + 1, len(lines)])
    moved = [
        _TIME.sub(lambda match: b"%.3f" % (float(match.group()) + by), line)
        for line in lines[at:last]
    ]
    return _with(files, name, b"".join(lines[:at] + moved + lines[last:]))


def value_changed(chance: Random, files: Files) -> Files:
    """A digit of a file is another one."""
    name = chance.choice(_parts(files))
    content = bytearray(files[name])
    digits = [at for at, byte in enumerate(content) if chr(byte).isdigit()]
    content[chance.choice(digits)] = ord(chance.choice("0123456789"))
    return _with(files, name, bytes(content))


def bytes_changed(chance: Random, files: Files) -> Files:
    """A few bytes of a file are random, or zero as in a block that was never written."""
    name = chance.choice(_parts(files))
    content = bytearray(files[name])
    begin = chance.randrange(len(content))
    length = chance.choice([1, 1, 8, 512])
    for at in range(begin, min(begin + length, len(content))):
        content[at] = 0 if length > 8 else chance.randrange(256)
    return _with(files, name, bytes(content))


def file_removed(chance: Random, files: Files) -> Files:
    """A file is missing."""
    gone = chance.choice(list(files))
    return {name: content for name, content in files.items() if name != gone}


def file_emptied(chance: Random, files: Files) -> Files:
    """A file is empty."""
    return _with(files, chance.choice(list(files)), b"")


def file_of_another_run(chance: Random, files: Files) -> Files:
    """A log is that of a run that passed, made an hour and more before or after, or is empty."""
    name = chance.choice(_logs(files))
    other = shifted(healthy(), chance.choice([-7000, 5000, 90_000]))
    return _with(files, name, other.get(name, b""))


def file_compressed(chance: Random, files: Files) -> Files:
    """A file is packed with gzip, whole or cut."""
    name = chance.choice(_parts(files))
    packed = gzip.compress(files[name], mtime=0)
    return _with(files, name, packed[: chance.choice([len(packed), len(packed) // 2])])


def account_changed(chance: Random, files: Files) -> Files:
    """A number of run.json's account is another one."""
    run = _run(files)
    key = chance.choice(list(run["requests"]))
    run["requests"][key] = chance.choice([0, 1, run["requests"][key] * 2 + 1, 10**9])
    return _with_run(files, run)


def clock_changed(chance: Random, files: Files) -> Files:
    """A moment of run.json is another one, or none."""
    run = _run(files)
    key = chance.choice(list(run["clock"]))
    by = chance.choice([-3600.0, -4.0, 4.0, 3600.0])
    moment = run["clock"][key]
    run["clock"][key] = chance.choice([None, 0.0, 1e300, (moment or 0.0) + by])
    return _with_run(files, run)


def window_smaller(chance: Random, files: Files) -> Files:
    """The window of run.json leaves out its first or last seconds, as a longer warm-up does."""
    run = _run(files)
    cut = chance.randint(1, 9)
    if chance.random() < 0.5:
        run["clock"]["window_start"] = (run["clock"].get("window_start") or 0.0) + cut
    else:
        run["clock"]["window_end"] = (run["clock"].get("window_end") or 0.0) - cut
    return _with_run(files, run)


def budget_dropped(chance: Random, files: Files) -> Files:
    """budgets.yaml lacks one of its budgets, or all that follow one."""
    lines = _lines(files, BUDGETS_FILE)
    at = chance.randrange(len(lines))
    return _with(files, BUDGETS_FILE, b"".join(lines[:at] + chance.choice([lines[at + 1 :], []])))


def key_removed(chance: Random, files: Files) -> Files:
    """run.json lacks one of its keys."""
    run = _run(files)
    place: dict[str, Any] = run
    while True:
        key = chance.choice([key for key in place if key != "files"])  # the digests
        if isinstance(place[key], dict) and place[key] and chance.random() < 0.7:
            place = place[key]
            continue
        del place[key]
        return _with_run(files, run)


def roles_changed(chance: Random, files: Files) -> Files:
    """run.json says nothing of the roles of the metrics, or that another metric plays one."""
    run = _run(files)
    target = run.get("target")
    if not isinstance(target, dict):
        return files
    roles = target.pop("roles", None)
    if isinstance(roles, dict) and chance.random() < 0.5:
        played = dict(roles.get("roles") or {"": {}})
        role = chance.choice(list(played))
        other = {"metric": chance.choice(["process_open_fds", "db_client_connection_count"])}
        played[role] = {**played[role], **other}
        target["roles"] = {**roles, "roles": played}
    return _with_run(files, run)


def _run(files: Files) -> dict[str, Any]:
    """The content of run.json, with an account and a clock even where it has none (any more)."""
    try:
        run = json.loads(files[MANIFEST_FILE])
    except ValueError:
        run = {}
    if not isinstance(run, dict):
        run = {}
    return {
        **run,
        "requests": run.get("requests") or {"recorded": 0},
        "clock": run.get("clock") or {"created": 0.0},
    }


def _with_run(files: Files, run: Mapping[str, Any]) -> Files:
    return _with(files, MANIFEST_FILE, json.dumps(run, indent=2).encode())


def _with(files: Files, name: str, content: bytes) -> Files:
    return {**files, name: content}


def _logs(files: Files) -> list[str]:
    """The logs of a run; without a failed request there is no log of failures."""
    return [LATENCY_FILE, METRICS_FILE, *([FAILURES_FILE] if files.get(FAILURES_FILE) else [])]


def _parts(files: Files) -> list[str]:
    return [*_logs(files), BUDGETS_FILE, MANIFEST_FILE]


def _lines(files: Files, name: str) -> list[bytes]:
    return files.get(name, b"").splitlines(keepends=True) or [b"\n"]


def _subject(line: bytes) -> bytes:
    """The series of a line of metrics.om, or the tag of a line of latency.hlog."""
    return line.partition(b",")[0] if line.startswith(b"Tag=") else line.partition(b" ")[0]


EVERY: Final[tuple[Spoil, ...]] = (
    cut_at_a_byte,
    cut_at_a_line,
    lines_dropped,
    series_dropped,
    worker_dropped,
    lines_repeated,
    lines_reordered,
    lines_of_a_series_swapped,
    time_stamp_changed,
    value_changed,
    bytes_changed,
    file_removed,
    file_emptied,
    file_of_another_run,
    file_compressed,
    account_changed,
    budget_dropped,
    clock_changed,
    window_smaller,
    key_removed,
    roles_changed,
)
