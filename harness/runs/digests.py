"""Size and SHA-256 of the files of a run, by which a later change of them is seen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from harness import names
from harness.runs.model import FileDigest

# The files that a verdict rests on, besides run.json, which has their digests.
EVIDENCE_FILES = (
    names.LATENCY_FILE,
    names.METRICS_FILE,
    names.SLOWEST_FILE,
    names.FAILURES_FILE,
    names.BUDGETS_FILE,
    names.PROMETHEUS_FILE,
)


def digests(folder: Path) -> dict[str, FileDigest]:
    """The digest of each evidence file of a run folder; a file that cannot be read has none."""
    found = {name: digest_of(folder / name) for name in EVIDENCE_FILES}
    return {name: digest for name, digest in found.items() if digest is not None}


def changes(folder: Path, stored: Mapping[str, FileDigest]) -> dict[str, str]:
    """How the files of a run differ from what they were when it ended.

    Args:
        folder: The run folder.
        stored: Their digests in run.json.

    Returns:
        A sentence by the name of each file that was changed, removed or added.
    """
    now = digests(folder)
    found: dict[str, str] = {}
    for name in EVIDENCE_FILES:
        before, after = stored.get(name), now.get(name)
        if before == after:
            continue
        if before is None:
            found[name] = f"{name} is not in {names.MANIFEST_FILE}"
        elif after is None:
            found[name] = f"{name} is missing or cannot be read"
        elif before.size != after.size:
            was = f"{names.MANIFEST_FILE} says {before.size}"
            found[name] = f"{name} has {after.size} bytes, and {was}"
        else:
            found[name] = f"{name} has other content than {names.MANIFEST_FILE} says"
    return found


def digest_of(path: Path) -> FileDigest | None:
    """The digest of a file; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return FileDigest(size=file.tell(), sha256=digest)
    except OSError:
        return None
