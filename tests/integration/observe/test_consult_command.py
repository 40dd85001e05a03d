"""The command `check --prometheus URL`: options, credentials, and what is stored."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.errors import UsageError
from harness.observe.prometheus import Prometheus, tls_context
from harness.runs.folder import RunFolder
from tests.servers import PrometheusServer, prometheus_server

BUDGETS = """\
version: 1
service: shop
scenarios: {smoke: {locustfile: a.py, rate: 50/s, duration: 30s}}
budgets:
  asks: {indicator: {kind: rate, metric: asks_total}, max: 8/s}
  hits: {indicator: {kind: promql, query: "sum(rate(hits_total[{window}]))", unit: 1/s}, max: 1}
"""


def check(run: RunFolder, tmp_path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    (tmp_path / "budgets.yaml").write_text(BUDGETS)
    copy = tmp_path / "results.json"
    given = ["--budgets", str(tmp_path / "budgets.yaml"), "--json", str(copy), *options]
    with pytest.raises(SystemExit) as ended:
        main(["check", str(run.path), *given])
    assert isinstance(ended.value.code, int)
    if not copy.exists():
        return ended.value.code, {}
    return ended.value.code, {b["name"]: b for b in json.loads(copy.read_text())["budgets"]}


@pytest.mark.needs_prometheus
def test_check_queries_the_server_and_stores_nothing(
    prometheus: PrometheusServer, stored_run: RunFolder, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in stored_run.path.iterdir()}
    code, found = check(stored_run, tmp_path, "--prometheus", prometheus.url)
    assert (code, found["asks"]["outcome"], found["hits"]["outcome"]) == (3, "pass", "fail")
    assert "(extrapolated by Prometheus from 11 scrapes, the same as by " in found["asks"]["reason"]
    assert {path: path.read_bytes() for path in stored_run.path.iterdir()} == before
    code, found = check(stored_run, tmp_path)
    assert (code, found["hits"]["outcome"]) == (4, "inconclusive")
    assert "name one with --prometheus URL" in found["hits"]["reason"]


BAD_OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "an option without a server": (("--prometheus-match", "a=b"), "needs a server"),
    "a password in the URL": (("--prometheus", "http://me:pw@h"), "out of the URL"),
    "no URL": (("--prometheus", "localhost:9090"), "is not a URL"),
    "no label": (("--prometheus-match", "a-b=c"), "is not a label"),
    "no header": (("--prometheus-header", "Bearer abc"), "not an HTTP header"),
    "no token": (
        ("--prometheus", "http://h", "--prometheus-token-file", "/dev/null"),
        "does not contain a token",
    ),
    "no certificate": (
        ("--prometheus", "https://h", "--prometheus-ca", "/dev/null"),
        "cannot use /dev/null for TLS",
    ),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options_are_refused(
    name: str, stored_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, reason = BAD_OPTIONS[name]
    assert check(stored_run, tmp_path, *options) == (2, {})
    assert reason in capsys.readouterr().err


# --- being let in ---------------------------------------------------------------------------------


@pytest.mark.needs_prometheus
@pytest.mark.needs_openssl
def test_server_with_tls_and_a_password_needs_both(tmp_path: Path) -> None:
    web = {
        "tls_server_config": {
            "cert_file": "own.pem",
            "key_file": "own.key",
            "client_ca_file": "own.pem",
            "client_auth_type": "RequireAndVerifyClientCert",
        },
        # bcrypt of "open", as htpasswd makes it
        "basic_auth_users": {"me": "$2b$04$nsA/VUkpsSRF3B0MCuPie.gm/X./0H./G6OsNW4VpumhPip7oYzD."},
    }
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", "own.key", "-out", "own.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *files],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (tmp_path / "web.yml").write_text(json.dumps(web))
    pem, key = tmp_path / "own.pem", tmp_path / "own.key"
    me = {"Authorization": f"Basic {base64.b64encode(b'me:open').decode()}"}
    with prometheus_server(tmp_path, web=tmp_path / "web.yml") as server:
        url = server.url.replace("http:", "https:")
        Prometheus(url, me, tls_context(pem, pem, key)).probe()
        refused: dict[str, Prometheus] = {
            "it answered 401": Prometheus(url, {}, tls_context(pem, pem, key)),
            "certificate verify failed": Prometheus(url, me, tls_context(None, pem, key)),
            "(?i)certificate|reset|broken pipe": Prometheus(url, me, tls_context(pem, None, None)),
            "it answered 400": Prometheus(server.url, me),
        }
        for reason, one in refused.items():
            with pytest.raises(UsageError, match=reason):
                one.probe()
