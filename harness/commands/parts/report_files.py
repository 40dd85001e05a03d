"""Reports as files: in the folder of a run or comparison, and where an option wants a copy."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from harness.commands.parts.outputs import require_writable, write_copy
from harness.errors import UsageError

Subject = TypeVar("Subject")  # a judged run, or a comparison


@dataclass(frozen=True, slots=True)
class ReportFile(Generic[Subject]):
    """A report as a file.

    Attributes:
        file: Its name in the folder.
        write: From the subject to the text.
        option: The option that names another file for the same text; empty without such an option.
    """

    file: str
    write: Callable[[Subject], str]
    option: str = ""


def write_reports(
    reports: Iterable[ReportFile[Subject]],
    subject: Subject,
    folder: Path,
    options: argparse.Namespace,
    *,
    store: bool = True,
) -> list[UsageError]:
    """Write each report into the folder, if `store`, and into the file that its option names.

    Returns:
        An error for all files that cannot be written for the same reason. The caller prints them
        after the verdict, whose exit code stands.
    """
    errors = []
    unwritable: dict[str, list[str]] = {}
    for report in reports:
        copy = _copy(report, options)
        if not store and copy is None:
            continue
        try:
            text = report.write(subject)
        except UsageError as error:  # a chart of a run whose log is gone
            errors.append(error)
            continue
        for path in (folder / report.file if store else None, copy):
            try:
                # A run folder that was removed is not made again for a report alone.
                write_copy(path, text, new_folder=path is copy)
            except UsageError as error:
                reason = error.message.removeprefix(f"cannot write {path}: ")
                unwritable.setdefault(reason, []).append(str(path))
    for reason, paths in unwritable.items():
        errors.append(UsageError(f"cannot write {', '.join(paths)}: {reason}"))
    return errors


def require_writable_copies(options: argparse.Namespace) -> None:
    """Check before the load that the files which `report_options` name can be written.

    Raises:
        UsageError: One of them cannot.
    """
    for file in (options.json, options.junit_xml, options.markdown, options.html):
        require_writable(file)


def _copy(report: ReportFile[Subject], options: argparse.Namespace) -> Path | None:
    return getattr(options, report.option) if report.option else None
