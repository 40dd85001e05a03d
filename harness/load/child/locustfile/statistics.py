"""Inside the generator: whether a locustfile reads Locust's statistics.

Locust's listener that counts requests takes longer than FastUser's request itself, so it only stays
for locustfiles that read `environment.stats`, for example in a listener of `quitting`.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

_WORD = re.compile(rb"\bstats\b")
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib")})


def reads_statistics(modules: Iterable[ModuleType]) -> bool:
    """Whether a module of the locustfile, or a plugin of Locust, mentions `stats`.

    Args:
        modules: Those that were imported with the locustfile.
    """
    return any(_mentions(module) for module in modules)


def _mentions(module: ModuleType) -> bool:
    file, name = getattr(module, "__file__", None), module.__name__.partition(".")[0]
    if not file or name in {"locust", "harness"} or name in sys.stdlib_module_names:
        return False
    if file.startswith(_INSTALLED) and not name.startswith("locust"):
        return False
    try:
        return _WORD.search(Path(file).read_bytes()) is not None
    except OSError:
        return False
