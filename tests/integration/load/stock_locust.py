"""The command line of Locust without harness: `python -P stock_locust.py [VERSION] OPTIONS`.

VERSION is a Locust version that it pretends to be.
"""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).parents[3]
sys.path = [path for path in sys.path if Path(path or ".").resolve() != HERE]
assert importlib.util.find_spec("harness") is None

import locust  # noqa: E402
from locust.main import main  # noqa: E402

if not sys.argv[1].startswith("-"):
    locust.__version__ = sys.argv.pop(1)
main()  # type: ignore[no-untyped-call]
