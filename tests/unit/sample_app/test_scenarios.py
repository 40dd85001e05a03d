"""The scenarios ask every operation of the API."""

import json
import subprocess
import sys

import pytest

from sample_app.app import create_app
from sample_app.settings import Settings

# Operations that a scenario may leave out, and why.
LEFT_OUT = {
    ("GET", "/health/ready"): "the harness asks it until the load begins",
}
# Run apart, because Locust changes the process that imports it: the requests of every task of a
# scenario, sent to a client that answers each of them with success.
RECORDER = """
import importlib, json, sys
from scenarios import people

class Answer:
    def __init__(self, method, path):
        created = 202 if path.endswith("/refresh") else 201
        self.status_code = created if method == "POST" and "/auth/" not in path else 200
        self.headers = {"Location": "/api/v1/tasks/1", "ETag": "1"}
    def __enter__(self): return self
    def __exit__(self, *_): return None
    def json(self):
        item = {"id": 1, "name": "A", "next": "2", "access_token": "3", "refresh_token": "4"}
        return item | {"items": [item]}

class Client:
    def __init__(self): self.sent = set()
    def __getattr__(self, method):
        def request(path, name=None, **_):
            self.sent.add((method.upper(), name or path))
            return Answer(method.upper(), path)
        return request

sent = {}
for scenario in sys.argv[1:]:
    module = importlib.import_module(f"scenarios.{scenario}")
    (user,) = (
        one for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, people.Person) and not one.abstract
    )
    visitor = object.__new__(user)
    visitor.client = Client()
    for task in set(user.tasks):
        task(visitor)
    sent[scenario] = sorted(visitor.client.sent)
print(json.dumps(sent))
"""


@pytest.mark.untraced
def test_scenarios_ask_every_operation() -> None:
    names = ("smoke", "load", "soak")
    ended = subprocess.run(
        [sys.executable, "-c", RECORDER, *names],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    document = create_app(Settings(_env_file=None)).openapi()
    operations = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert len(operations) > 20
    for name, sent in json.loads(ended.stdout).items():
        asked = {(method, path) for method, path in sent}
        assert operations - asked - LEFT_OUT.keys() == set(), f"{name} does not ask these"
        assert asked <= operations
