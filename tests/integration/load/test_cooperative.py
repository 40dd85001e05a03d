"""The import of Locust in a generator: installed packages are read once, plugins still run."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.untraced

PLUGIN = """
[gevent.plugins.monkey.did_patch_all]
one = plugin:ran
"""
PROGRAM = """
import sys
from importlib import metadata
read = []
distributions = metadata.distributions
metadata.distributions = lambda **about: read.append(about) or distributions(**about)
before = metadata.entry_points
import harness.load.child.cooperative
from gevent import monkey
print(len(read), metadata.entry_points is before, monkey.is_module_patched("socket"))
"""


def test_packages_are_read_once_and_plugins_of_gevent_run(tmp_path: Path) -> None:
    package = tmp_path / "plugin-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (package / "entry_points.txt").write_text(PLUGIN)
    (tmp_path / "plugin.py").write_text("def ran(event):\n    print(type(event).__name__)\n")
    program = f"import sys\nsys.path.append({str(tmp_path)!r})\n{PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["GeventDidPatchAllEvent", "1", "True", "True"]
