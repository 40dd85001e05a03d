"""The run folder: made before the load starts, readable at any moment, read back to be judged."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from harness import names
from harness.errors import RunFolderError, UsageError
from harness.runs.digests import changes
from harness.runs.json_file import has_content, read_json
from harness.runs.latency import LoggedTimes, merged, read_times
from harness.runs.manifest_shape import StoredManifest
from harness.runs.metrics import read_metrics
from harness.runs.model import (
    Clock,
    Evidence,
    Manifest,
    SlowRequest,
    batch_seconds,
)
from harness.runs.records.failures import StoredFailures, read_failures
from harness.runs.records.slowest import read_slowest

_STREAMS: Final = {Path("/dev/stdout"): 1, Path("/dev/stderr"): 2}  # by their descriptors


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run."""

    path: Path

    def file(self, name: str) -> Path:
        """The path of a file of the run, by its name in `harness.names`."""
        return self.path / name

    def write(self, name: str, text: str) -> None:
        """Replace a file's content as a whole: a reader sees the old text or the new one."""
        replace_text(self.file(name), text)

    def write_manifest(self, manifest: Manifest) -> None:
        """Store run.json."""
        text = manifest.model_dump_json(indent=2, by_alias=True)
        self.write(names.MANIFEST_FILE, text + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a text file atomically: through a file beside it, then a rename.

    What is no regular file (a terminal, a pipe, /dev/null) is written to. So are /dev/stdout and
    /dev/stderr, whatever they lead to.

    Raises:
        OSError: It cannot be written; its `filename` is the path. No part of a file is left.
    """
    data = text.encode("utf-8", "replace")
    temporary = _beside(path)
    try:
        with _open_new(temporary, path) as file:
            file.write(data)
        if temporary != path:
            temporary.replace(path)
    except BaseException as error:  # a signal, too
        if temporary != path:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def probe_file(path: Path) -> None:
    """Check that `replace_text` can write a file.

    Raises:
        OSError: It cannot.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    temporary = _beside(path)
    _open_new(temporary, path).close()
    if temporary != path:
        temporary.unlink()


def _beside(path: Path) -> Path:
    """The file through which a file is replaced; the file itself when that must not be done.

    Its name is random: a file of that name would be somebody else's, or that of another process
    which replaces the same file.
    """
    if path in _STREAMS or (path.exists() and not path.is_file() and not path.is_dir()):
        return path
    return path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")


def _open_new(temporary: Path, path: Path) -> BinaryIO:
    if path in _STREAMS:  # opened anew, a file would be written from its start
        return os.fdopen(os.dup(_STREAMS[path]), "wb")
    return temporary.open("ab" if temporary == path else "xb")


def create_folder(path: Path | None, what: str, now: datetime) -> RunFolder:
    """Make an empty run folder, and check that files can be written in it.

    Args:
        path: Where; None is `runs/<utc>-<what>`.
        what: The name of the scenario, or of the experiment.
        now: Start of the run.

    Raises:
        UsageError: The folder cannot be written, or holds something already.
    """
    folder = path if path is not None else default_path(what, now)
    try:
        folder.mkdir(parents=True, exist_ok=path is not None)
        if any(folder.iterdir()):
            raise UsageError(
                f"{folder} holds files already", "choose an empty or new folder with --out"
            )
        probe_file(folder / names.MANIFEST_FILE)
    except OSError as error:
        if path is None and isinstance(error, FileExistsError):
            return create_folder(None, what, now)  # another run has made the folder just now
        raise unusable(folder, error) from error
    return RunFolder(folder)


def unusable(folder: Path, error: OSError) -> UsageError:
    """The error for a run folder that cannot be written."""
    return UsageError(
        f"cannot write the run folder {folder}: {error.strerror}",
        "choose a folder that can be written with --out, on a disk with space",
    )


def default_path(what: str, now: datetime, runs: Path = Path(names.RUNS_FOLDER)) -> Path:
    """The default folder of a run: `<utc>-<what>` in the folder `runs`."""
    stem = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{what}"
    path, count = runs / stem, 1
    while os.path.lexists(path):
        count += 1
        path = runs / f"{stem}-{count}"
    return path


def open_folder(path: Path) -> RunFolder:
    """An existing run folder.

    Raises:
        RunFolderError: There is no run in it.
    """
    if not path.is_dir():
        raise RunFolderError(f"{path} is not a folder", "name the folder that `harness run` wrote")
    if not (path / names.MANIFEST_FILE).is_file():
        raise RunFolderError(
            f"{path} holds no {names.MANIFEST_FILE}", "name the folder that `harness run` wrote"
        )
    return RunFolder(path)


def files_below(path: Path, name: str) -> list[Path]:
    """The files of a name in the folders of a folder; a folder that links lead to counts once."""
    found = sorted(path.glob(f"*/{name}"), key=lambda file: (not file.parent.is_symlink(), file))
    return sorted({file.parent.resolve(): file for file in found}.values())


def read_manifest(folder: RunFolder) -> Manifest:
    """Read run.json.

    Raises:
        RunFolderError: It is empty, damaged, or of another version of the format.
    """
    path = folder.file(names.MANIFEST_FILE)
    if path.exists() and not has_content(path):
        raise RunFolderError(
            f"{path} is empty", "the harness ended before the run began; run it again"
        )
    return read_json(path, StoredManifest, "judge it with the version of the harness that wrote it")


def read_evidence(
    folder: RunFolder,
    metrics: frozenset[str] | None = None,
    until: float | None = None,
    unused: Collection[str] = (),
    manifest: Manifest | None = None,
) -> Evidence:
    """Read all that judging needs.

    Args:
        folder: The run.
        metrics: Names of the metrics that are wanted; None reads all.
        until: A moment in the window of a run that still goes on, which is read as if it had ended
            then; None reads it as it is.
        unused: Names of files that the verdict does not rest on, so that they may have changed.
        manifest: Of the run; None reads run.json.

    Raises:
        RunFolderError: A file is missing or damaged.
    """
    manifest = manifest or read_manifest(folder)
    if until is not None:
        clock = manifest.clock.model_copy(update={"window_end": until, "drained": until})
        manifest = manifest.model_copy(update={"status": "complete", "clock": clock})
    try:
        times, slowest = _read_window(folder, manifest.clock)
        failures = StoredFailures()
        if until is None:
            clock = manifest.clock
            path = folder.file(names.FAILURES_FILE)
            failures = read_failures(path, clock.window_start, clock.window_end)
        series = read_metrics(folder.file(names.METRICS_FILE), metrics)
    except OSError as error:
        raise RunFolderError(
            f"cannot read {error.filename}: {error.strerror}",
            "make the files of the run folder readable",
        ) from error
    # Of a run that goes on, the log has more than the manifest, which is of another moment.
    whole = times if until is None else None
    failed = None
    if whole and failures.recorded is not None:
        failed = whole.failed, failures.recorded
    batches = times.intervals if times else {}
    return Evidence(
        manifest,
        merged(batches),
        series,
        slowest,
        batches,
        recorded=whole.recorded if whole else None,
        iterations=whole.iterations if whole else None,
        unanswered=times.unanswered if times else 0,
        changed=_changed(folder, manifest, unused) if until is None else None,
        failures=failures.kinds,
        failed=failed,
        logged=has_content(folder.file(names.TARGET_LOG)),
    )


def _read_window(
    folder: RunFolder, clock: Clock
) -> tuple[LoggedTimes | None, tuple[SlowRequest, ...]]:
    """The latencies and the slowest requests of the window; nothing where there was none."""
    start, end = clock.window_start, clock.window_end
    if start is None or end is None:
        return None, ()
    times = read_times(folder.file(names.LATENCY_FILE), start, batch_seconds(end - start), end)
    return times, read_slowest(folder.file(names.SLOWEST_FILE), start, end)


def _changed(
    folder: RunFolder, manifest: Manifest, unused: Collection[str]
) -> tuple[str, ...] | None:
    """The files that were changed after the run; None where its digests are not known."""
    if manifest.files is None:
        return None
    found = changes(folder.path, manifest.files)
    return tuple(text for name, text in found.items() if name not in unused)
