"""Inside the generator: imports Locust, which makes the standard library cooperative.

Import it before any module of Locust. gevent asks for plugins in each of 25 steps, and each time
reads the metadata of every installed package: with 170 packages that is a quarter of the CPU time
of the import. The packages do not change meanwhile, so they are read once.
"""

from __future__ import annotations

from importlib import metadata

_entry_points = metadata.entry_points
metadata.entry_points = _entry_points().select
try:
    import locust  # noqa: F401
finally:
    metadata.entry_points = _entry_points
