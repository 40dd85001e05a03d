"""Random files latency.hlog: each is read, or a short error names the line."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from harness.errors import RunFolderError
from harness.runs.latency import read_times
from harness.runs.model import Distribution
from tests.fuzz.corpora.hlog import FIRST, ROWS, line, packed, zeros
from tests.fuzz.mutate import MOST_BYTES, mutated

LONGEST = 5.0  # seconds of CPU that one file may take
LONGEST_ERROR = 400  # characters besides the path
START = 1_800_000_000.0


def run(seconds: float, seed: int) -> list[str]:
    """Read random files for so long; a line for each crash, slow file or unclear error."""
    chance = Random(seed)
    pool = [row.line for row in ROWS.values() if len(row.line) < MOST_BYTES] + 30 * [FIRST.encode()]
    findings = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "latency.hlog"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            content = FIRST.encode() + (_packed(chance) if chance.random() < 0.4 else b"")
            content = mutated(chance, content + chance.choice(pool), pool)
            path.write_bytes(content)
            if found := finding(path):
                findings.append(f"{found}: {content[:2000]!r}")
    return findings


def finding(path: Path) -> str:
    """What is wrong with the reading of a file; empty when nothing is."""
    begun = time.process_time()
    try:
        found = read_times(path, START, 2, START + 10)
        for times in found.intervals.values():
            whole = Distribution.merge(times.values())
            whole.quantile(0.95), whole.mean, whole.share_over(0.1)
    except RunFolderError as error:
        text = error.message.removeprefix(str(path))
        if len(text) > LONGEST_ERROR or not text.isprintable() or not text.startswith(":"):
            return f"unclear error {text[:300]!r}"
    except Exception as error:  # noqa: BLE001  any other exception is a finding
        return f"{type(error).__name__} {error}"[:300]
    taken = time.process_time() - begun
    return f"took {taken:.1f} s of CPU" if taken > LONGEST else ""


def _packed(chance: Random) -> bytes:
    """A line with a histogram of random numbers, well packed: changed base64 seldom unpacks."""
    numbers = bytearray()
    for _ in range(chance.choice((1, 3, 30))):
        kind = chance.randrange(4)
        if kind == 0:
            numbers += zeros(chance.choice((1, 2, 1000, 33_000, 2**40, 2**62)))
        elif kind == 1:
            numbers += chance.randbytes(chance.choice((1, 2, 9, 12)))
        else:
            numbers += bytes([chance.randrange(128)])
    cookies = (0x1C849314, 0x1C849313)
    lengths = chance.choice(((0, 0), (0, 0), (0, 0), (0, chance.randint(-9, 9))))
    text = packed(bytes(numbers), cookies=cookies, lengths=lengths)
    return line(payload=text, start=f"18000000{chance.randrange(12):02d}.000").encode()
