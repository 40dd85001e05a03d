"""Size and SHA-256 of the files of a run, by which a later change of them is seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from harness import names
from harness.runs.model import FileDigest, Manifest

# The files that a verdict rests on, besides run.json, which has their digests and its own.
_LOGS = (names.LATENCY_FILE, names.METRICS_FILE, names.SLOWEST_FILE, names.FAILURES_FILE)
EVIDENCE_FILES = (
    *_LOGS,
    *(name + names.REST for name in _LOGS),
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
    own = stored.get(names.MANIFEST_FILE)
    if own is not None and own != _digest_of_manifest(folder / names.MANIFEST_FILE):
        text = f"{names.MANIFEST_FILE} has other content than when the run ended"
        found[names.MANIFEST_FILE] = text
    return found


def sealed(manifest: Manifest) -> Manifest:
    """A manifest with the digests of files, with its own as well; others as they are."""
    if manifest.files is None:
        return manifest
    own = _digest_of_content(manifest.model_dump_json(by_alias=True))
    return manifest.model_copy(update={"files": {**manifest.files, names.MANIFEST_FILE: own}})


def digest_of(path: Path) -> FileDigest | None:
    """The digest of a file; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return FileDigest(size=file.tell(), sha256=digest)
    except OSError:
        return None


def _digest_of_manifest(path: Path) -> FileDigest | None:
    try:
        return _digest_of_content(path.read_text(encoding="utf-8"))
    except (OSError, TypeError, ValueError, RecursionError):
        return None


def _digest_of_content(text: str) -> FileDigest:
    """The digest of what a run.json holds, without `files`, however it is laid out."""
    content = dict(json.loads(text))
    content.pop("files", None)
    ordered = json.dumps(content, sort_keys=True).encode()
    return FileDigest(size=len(ordered), sha256=hashlib.sha256(ordered).hexdigest())
