"""Reports as files: in the folder of a run or comparison, and where an option wants a copy."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from harness.commands.parts.outputs import write_copy

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
) -> None:
    """Write each report into the folder, if `store`, and into the file that its option names.

    Raises:
        UsageError: A report cannot be written.
    """
    texts = []
    for report in reports:
        copy = getattr(options, report.option) if report.option else None
        if store or copy:
            texts.append((report.file, copy, report.write(subject)))
    for file, copy, text in texts:
        if store:
            write_copy(folder / file, text)
        write_copy(copy, text)
