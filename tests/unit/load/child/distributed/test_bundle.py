"""The bundle for workers needs only packages of Locust, and fits into a message."""

import ast
import subprocess
import sys
from pathlib import Path

from harness.load.child.distributed.bundle import ENTRY, bundle, imports, sources
from harness.load.protocol.authentication import MAX_MESSAGE
from harness.load.protocol.master import MAX_LOCUSTFILE

# The dependencies of Locust in its metadata, and theirs.
DEPENDENCIES = {"gevent", "geventhttpclient", "greenlet", "locust", "msgpack", "psutil", "zmq"} | {
    "requests",
    "urllib3",
    "werkzeug",
}


def test_sources_import_only_dependencies_of_locust() -> None:
    names = {name.partition(".")[0] for text in sources().values() for name in imports(text)}
    assert names - {"harness", "__future__"} - set(sys.stdlib_module_names) <= DEPENDENCIES


def test_sources_contain_every_harness_module_that_they_import() -> None:
    found = sources()
    assert ENTRY in found
    for name, text in found.items():
        assert text == _path(name).read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness"):
                assert node.module in found, name


def test_bundle_imports_from_memory_ahead_of_an_installed_harness(tmp_path: Path) -> None:
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").write_text("raise AssertionError('the wrong one')")
    text = bundle(b"").partition("importlib.import_module")[0]
    (tmp_path / "shipped.py").write_text(text)
    code = (
        "import shipped\n"
        "from harness.load.protocol import workers\n"
        "from harness import names\n"
        "assert names.OK == 'ok'\n"
        "assert workers.__spec__.origin == 'harness.load.protocol.workers'\n"
        "assert workers.Ping(1.5).at == 1.5\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_locustfile_of_a_worker_imports_fast_user_with_its_fast_path(tmp_path: Path) -> None:
    text = bundle(b"").partition("importlib.import_module")[0]
    (tmp_path / "shipped.py").write_text(text)
    code = (
        "import locust, shipped\n"
        "from harness import FastUser\n"
        "from harness.load.child.fast import session\n"
        "assert not hasattr(session, '__file__')\n"
        "user = type('One', (FastUser,), {'host': 'http://127.0.0.1:1'})(locust.env.Environment())\n"
        "from harness.load.child.fast.replaced import replaced_for_all\n"
        "assert not replaced_for_all(user.client)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_bundle_and_the_largest_locustfile_fit_into_a_message() -> None:
    room = 2**16  # for the frame of the setup, names and encryption
    assert len(bundle(b"").encode()) + MAX_LOCUSTFILE + room < MAX_MESSAGE


def _path(name: str) -> Path:
    module = Path(*name.split("."))
    return module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
