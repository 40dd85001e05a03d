"""The run folder: made before the load starts, readable at any moment, read back to be judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness import names
from harness.errors import RunFolderError, UsageError
from harness.runs.digests import changes
from harness.runs.json_file import has_content, read_json
from harness.runs.latency import merged, read_times
from harness.runs.manifest_shape import StoredManifest
from harness.runs.metrics import read_metrics
from harness.runs.model import (
    Distribution,
    Evidence,
    LatencyKey,
    Manifest,
    SlowRequest,
    batch_seconds,
)
from harness.runs.slowest import read_slowest

MEASURED_FILES = (
    names.MANIFEST_FILE,
    names.LATENCY_FILE,
    names.METRICS_FILE,
    names.SLOWEST_FILE,
    names.BUDGETS_FILE,
    names.TARGET_LOG,
)


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
    """Write a text file atomically: through a file beside it, then a rename."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def create_folder(
    path: Path | None,
    scenario: str,
    now: datetime,
    *,
    logs: Iterable[str] = (names.GENERATOR_LOG,),
    reports: Iterable[str] = (),
) -> RunFolder:
    """Make a run folder with all its files, so that no full or read-only disk costs a run.

    Args:
        path: Where; None is `runs/<utc>-<scenario>`.
        scenario: Name of the scenario.
        now: Start of the run.
        logs: Names of the files that the generators print to.
        reports: Names of those that will be written.

    Raises:
        UsageError: The folder cannot be written, or holds something already.
    """
    folder = path if path is not None else default_path(scenario, now)
    create_files(folder, (*MEASURED_FILES, *reports, *logs))
    return RunFolder(folder)


def create_files(folder: Path, files: Iterable[str]) -> None:
    """Make a folder with these files, all of them empty.

    Raises:
        UsageError: The folder cannot be written, or holds something already.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(
                f"{folder} holds files already", "choose an empty or new folder with --out"
            )
        for name in files:
            (folder / name).touch()
    except OSError as error:
        raise UsageError(
            f"cannot write the run folder {folder}: {error.strerror}",
            "choose a folder that can be written with --out",
        ) from error


def default_path(what: str, now: datetime) -> Path:
    """The default folder of a run: `runs/<utc>-<what>`."""
    stem = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{what}"
    path, count = Path("runs") / stem, 1
    while path.exists():
        count += 1
        path = Path("runs") / f"{stem}-{count}"
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
) -> Evidence:
    """Read all that judging needs.

    Args:
        folder: The run.
        metrics: Names of the metrics that are wanted; None reads all.
        until: A moment in the window of a run that still goes on, which is read as if it had ended
            then; None reads it as it is.
        unused: Names of files that the verdict does not rest on, so that they may have changed.

    Raises:
        RunFolderError: A file is missing or damaged.
    """
    manifest = read_manifest(folder)
    if until is not None:
        clock = manifest.clock.model_copy(update={"window_end": until, "drained": until})
        manifest = manifest.model_copy(update={"status": "complete", "clock": clock})
    start, end = manifest.clock.window_start, manifest.clock.window_end
    batches: Mapping[LatencyKey, Mapping[int, Distribution]] = {}
    recorded: int | None = None
    iterations: tuple[int, int] | None = None
    slowest: tuple[SlowRequest, ...] = ()
    try:
        if start is not None and end is not None:
            batches, recorded, iterations = read_times(
                folder.file(names.LATENCY_FILE), start, batch_seconds(end - start), end
            )
            slowest = read_slowest(folder.file(names.SLOWEST_FILE), start, end)
        series = read_metrics(folder.file(names.METRICS_FILE), metrics)
    except OSError as error:
        raise RunFolderError(f"cannot read {error.filename}: {error.strerror}") from error
    if until is not None:
        # The log goes on, and the manifest is of another moment.
        recorded = iterations = None
    changed: tuple[str, ...] | None = None
    if manifest.files is not None and until is None:
        found = changes(folder.path, manifest.files)
        changed = tuple(text for name, text in found.items() if name not in unused)
    return Evidence(
        manifest,
        merged(batches),
        series,
        slowest,
        batches,
        recorded=recorded,
        iterations=iterations,
        changed=changed,
    )
