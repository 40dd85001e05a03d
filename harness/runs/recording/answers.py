"""answers.jsonl: what some answers consist of, by size, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from harness.runs.recording.answer_shape import MOST_ANSWERS, MOST_SHAPES, AnswerShape
from harness.runs.records.lines import LineLog, read_lines

_SHAPE = TypeAdapter(AnswerShape)


class AnswerLog(LineLog):
    """Writes answers.jsonl: at most `MOST_ANSWERS` of a request, also of several generators."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._stored: dict[str, int] = {}

    def write(self, answers: Iterable[AnswerShape]) -> None:
        """Add a line for each that is within the limits."""
        for one in answers:
            stored = self._stored.get(one.request, 0)
            if stored < MOST_ANSWERS and sum(self._stored.values()) < MOST_SHAPES:
                self._stored[one.request] = stored + 1
                self.append(json.dumps(asdict(one), ensure_ascii=False) + "\n")


def read_answers(path: Path) -> tuple[AnswerShape, ...]:
    """The answers of a file; a last line that is cut off is left out. Without the file: none.

    Raises:
        RunFolderError: A line other than the last is damaged.
    """
    return tuple(read_lines(path, _SHAPE))
