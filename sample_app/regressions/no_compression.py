"""Answers without compression."""

from __future__ import annotations

from sample_app.regressions.planting import Replace, changed
from sample_app.settings import Settings


def plant(settings: Settings, replace: Replace) -> Settings:
    """Compression begins at a size that no answer has: kilobytes were mistaken for bytes.

    Noticed by `list-response-bytes`.
    """
    return changed(settings, "http", compress_over=1024 * settings.http.compress_over)
