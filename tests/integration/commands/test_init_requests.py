"""What `harness init` asks a service before there is any load."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from harness.commands.parts.find_service import find_document, find_metrics, find_ready
from harness.commands.parts.trial_requests import TrialRequests
from harness.errors import TargetError, UsageError
from harness.init.model import (
    Answered,
    Argument,
    Credential,
    Operation,
    RequestBody,
    Unique,
)
from harness.observe.fetch import tls_of
from tests.tls import certificate, tls_server
from tests.unit.init.documents import fastapi

METRICS = b"# TYPE requests_total counter\nrequests_total 5\n"
ENVIRONMENT = {"API_TOKEN": "t", "API_KEY": "k", "API_USERNAME": "u", "API_PASSWORD": "p"}


class Server(ThreadingHTTPServer):
    """Answers each path with a status and a body; `requests` has what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers, body))
        default = (200, b'{"ok": true}') if self.path.startswith("/echo") else (404, b"")
        status, content = self.server.answers.get(self.path, default)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_document_is_found_at_a_usual_path(server: Server) -> None:
    assert find_document(server.url, None) is None
    server.answers["/openapi.json"] = 200, b"<html>paths</html>"
    server.answers["/v3/api-docs"] = 200, json.dumps(fastapi()).encode()
    found = find_document(server.url, None)
    assert found is not None
    assert (next(iter(found[0]["paths"])), found[1]) == ("/items", "/v3/api-docs")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"openapi": "3.1.0"}', "has no paths"),
        (b'{"openapi": "3.1.0", "paths": {}}', "has no paths"),
        (b"{}", "is not an OpenAPI document"),
        (b"", "is not an OpenAPI document"),
        (b"just text", "is not an OpenAPI document"),
        (b'{"openapi": ', "is not JSON"),
        (b"a: [", "is neither JSON nor YAML"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"asyncapi": "2.0", "paths": {"/a": {}}}', "is not an OpenAPI document"),
    ],
)
def test_document_that_cannot_be_used_is_refused(
    server: Server, content: bytes, words: str
) -> None:
    server.answers["/doc"] = 200, content
    with pytest.raises(UsageError, match=words) as caught:
        find_document(server.url, f"{server.url}/doc")
    assert "--har, --access-log or --path" in caught.value.hint


def test_document_that_is_not_there_is_refused(server: Server) -> None:
    with pytest.raises(UsageError, match="answered 404"):
        find_document(server.url, f"{server.url}/doc")
    with pytest.raises(UsageError, match=r"cannot read nothing\.yaml"):
        find_document(server.url, "nothing.yaml")


def test_large_document_is_read(server: Server) -> None:
    document = fastapi() | {"x-large": "x" * 5_000_000}
    server.answers["/openapi.json"] = 200, json.dumps(document).encode()
    found = find_document(server.url, None)
    assert found is not None
    assert len(found[0]["paths"]) == 3


def test_metrics_are_found_or_refused(server: Server) -> None:
    assert find_metrics(server.url, None).path == ""
    server.answers["/actuator/prometheus"] = 200, METRICS
    found = find_metrics(server.url, None)
    assert (found.path, list(found.families)) == ("/actuator/prometheus", ["requests"])
    assert find_metrics(server.url, "none").path == ""
    with pytest.raises(TargetError, match="answered 404"):
        find_metrics(server.url, "/elsewhere")


@pytest.mark.needs_openssl
def test_service_behind_a_private_ca_is_asked_with_its_file(tmp_path: Path) -> None:
    own, other = certificate(tmp_path, "own"), certificate(tmp_path, "other")
    root = Operation("get", "/", "root")
    with tls_server(own) as url:
        assert find_metrics(url, None, own).path == "/metrics"
        assert find_metrics(url, None, other).path == ""
        answers = [TrialRequests(url, {}, None, tls_of(one)).call(root, {}) for one in (own, other)]
        assert [one.status for one in answers] == [200, None]
        assert "certificate verify failed" in answers[1].problem
        assert find_ready(url, tls_of(own)) == ""


def test_readiness_is_told_only_where_not_every_path_answers(server: Server) -> None:
    assert find_ready(server.url) == ""
    server.answers["/healthz"] = 200, b""
    assert find_ready(server.url) == "/healthz"
    server.answers["/-/harness-asks-for-a-path-that-does-not-exist"] = 200, b"<html>"
    assert find_ready(server.url) == ""


def asked(server: Server, operation: Operation, **values: Any) -> tuple[str, dict[str, str], bytes]:
    """Target, headers and body of the request for an operation."""
    answered = TrialRequests(server.url, ENVIRONMENT).call(operation, values)
    assert answered.ok, answered
    method, target, headers, body = server.requests[-1]
    assert method == operation.method.upper()
    return target, headers, body


def test_request_has_its_arguments(server: Server) -> None:
    arguments = (
        Argument("query", "q", (["a b", "c"],)),
        Argument("header", "X-On", (True,)),
        Argument("cookie", "c", (1,)),
    )
    operation = Operation("get", "/echo/{id}/x", "f", arguments=arguments)
    target, headers, _ = asked(server, operation, id="a/b")
    assert target == "/echo/a%2Fb/x?q=a+b&q=c"
    assert (headers["x-on"], headers["cookie"]) == ("true", "c=1")


@pytest.mark.parametrize("method", ["head", "post", "put", "patch", "delete"])
def test_request_has_its_method_and_body(server: Server, method: str) -> None:
    body = RequestBody("json", {"email": Unique("a.", "@b.c")}) if method[0] == "p" else None
    _, headers, sent = asked(server, Operation(method, "/echo", "f", body=body))
    if body is None:
        assert sent == b""
    else:
        assert headers["content-type"] == "application/json"
        assert json.loads(sent)["email"].startswith("a.")


def test_form_is_encoded(server: Server) -> None:
    body = RequestBody("form", {"a": "b c"})
    _, headers, sent = asked(server, Operation("post", "/echo", "f", body=body))
    assert (headers["content-type"], sent) == ("application/x-www-form-urlencoded", b"a=b+c")


@pytest.mark.parametrize(
    ("credential", "header", "value"),
    [
        (Credential("s", "bearer", "Authorization", ("API_TOKEN",)), "authorization", "Bearer t"),
        (
            Credential("s", "basic", "Authorization", ("API_USERNAME", "API_PASSWORD")),
            "authorization",
            "Basic dTpw",
        ),
        (Credential("s", "header", "X-Key", ("API_KEY",)), "x-key", "k"),
        (Credential("s", "cookie", "session", ("API_KEY",)), "cookie", "session=k"),
        (
            Credential("s", "password", "", ("API_USERNAME", "API_PASSWORD"), "/token"),
            "authorization",
            "Bearer given",
        ),
    ],
)
def test_credential_is_sent(
    server: Server, credential: Credential, header: str, value: str
) -> None:
    server.answers["/token"] = 200, b'{"access_token": "given"}'
    _, headers, _ = asked(server, Operation("get", "/echo", "f", credentials=(credential,)))
    assert headers[header] == value


def test_key_in_the_query_is_sent(server: Server) -> None:
    key = Credential("s", "query", "key", ("API_KEY",))
    target, _, _ = asked(server, Operation("get", "/echo", "f", credentials=(key,)))
    assert target == "/echo?key=k"


def test_refused_log_in_is_said(server: Server) -> None:
    login = Credential("s", "password", "", ("API_USERNAME", "API_PASSWORD"), "/token")
    requests = TrialRequests(server.url, ENVIRONMENT)
    answered = requests.call(Operation("get", "/echo", "f", credentials=(login,)), {})
    assert answered.problem == "/token gives no token for API_USERNAME and API_PASSWORD"


def test_nothing_is_asked_after_a_stop(server: Server) -> None:
    stopped = Event()
    requests = TrialRequests(server.url, ENVIRONMENT, stopped)
    stopped.set()
    with pytest.raises(InterruptedError):
        requests.call(Operation("get", "/echo", "f"), {})
    assert server.requests == []


def test_service_without_an_answer_is_said() -> None:
    answered = TrialRequests("http://127.0.0.1:9", {}).call(Operation("get", "/", "f"), {})
    assert answered == Answered(None, problem="it gave no answer: connection refused")
