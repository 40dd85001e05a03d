"""Answers that are encoded, decoded and encoded again."""

# ruff: noqa: SLF001 - a mistake does not ask
from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

from fastapi.encoders import jsonable_encoder

from sample_app.regressions.planting import Replace
from sample_app.schemas.transfers import ContactRecord, FileFormat
from sample_app.services.exports import ExportService
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """An export sorts the keys of its records: it decodes the finished file and encodes it again.

    That is quick for a page and takes a third of a second for a whole file, in one piece, during
    which the event loop serves no other request.

    To blame: `jsonable_encoder(json.loads(line))` in `ExportService._pieces`.

    Noticed by `event-loop-blocked`.
    """
    original = ExportService._pieces

    async def pieces(
        self: ExportService, batch: Sequence[ContactRecord], form: FileFormat
    ) -> AsyncIterator[str]:
        text = "".join([piece async for piece in original(self, batch, form)])
        if form is FileFormat.JSONL:
            records = [jsonable_encoder(json.loads(line)) for line in text.splitlines()]
            text = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records)
        yield text

    replace(ExportService, "_pieces", pieces)
    return settings
