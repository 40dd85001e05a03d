"""Asks a Prometheus server for single numbers.

API: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from __future__ import annotations

import json
import math
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from harness.errors import UsageError
from harness.observe.fetch import NoAnswer, fetch

_TIMEOUT: Final = 30.0  # s; a query over a long window of many series takes a while


class Found(NamedTuple):
    """A number, or why there is none."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PrometheusServer:
    """Where a server is and how to come to it.

    Attributes:
        url: The part before `/api/v1/query`.
        headers: Of each request; what authenticates it.
        tls: None is as usual.
        matchers: Which of its series are the service's, as PromQL writes it: `job="shop"`.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    matchers: tuple[str, ...] = ()

    def ask(self, query: str, at: float) -> Found:
        """The one number that a query comes to at a moment, seconds since the epoch.

        Raises:
            NoAnswer: The server cannot be reached, or what answers is none.
        """
        asked = urlencode({"query": query, "time": f"{at:.3f}"})
        answer = fetch(
            f"{self.url}/api/v1/query?{asked}", _TIMEOUT, "application/json", self.headers, self.tls
        )
        try:
            document = json.loads(answer.body)
            if document["status"] != "success":
                return Found(None, f"it refused the query: {document['error']}")
            if warnings := document.get("warnings"):
                return Found(None, f"it answered with a warning: {warnings[0]}")
            return _number(document["data"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            said = f"status {answer.status}" if answer.status != 200 else "no JSON of Prometheus'"
            raise NoAnswer(f"it answered with {said}{_advice(answer.status)}") from error


def server_at(
    url: str, headers: Path | None, authority: Path | None, certificate: Path | None
) -> PrometheusServer:
    """The server that the command line names.

    Args:
        url: Of the server.
        headers: A file of headers, one a line, as `curl --header @FILE` takes it.
        authority: A PEM file of the certificate authorities to trust in the place of the usual.
        certificate: A PEM file of our own certificate and its key.

    Raises:
        UsageError: One of the files cannot be read.
    """
    if urlsplit(url).username is not None:
        raise UsageError(
            "--prometheus takes no user in the URL: it would be stored with the run",
            "write `Authorization: Basic ...` into a file and name it with --prometheus-headers",
        )
    tls = None
    if authority or certificate:
        try:
            tls = ssl.create_default_context(cafile=authority)
            if certificate:
                tls.load_cert_chain(certificate)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"cannot use the certificates for {url}: {error}") from error
    return PrometheusServer(url, _headers(headers) if headers else {}, tls)


def _headers(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        name, colon, value = line.partition(":")
        if line.strip() and not (colon and name.strip() and value.strip()):
            raise UsageError(
                f"{path}:{number} is no header", "write `Name: value`, one on each line"
            )
        if line.strip():
            found[name.strip()] = value.strip()
    return found


def _number(data: Mapping[str, Any]) -> Found:
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return _finite(result[1])
    if kind != "vector":
        return Found(None, f"the query gives a {kind}, and no number; take it over the window")
    if not result:
        return Found(None, "the query gives nothing")
    if len(result) > 1:
        return Found(None, f"the query gives {len(result)} series; sum over them, or take the max")
    return _finite(result[0]["value"][1])


def _finite(text: str) -> Found:
    value = float(text)
    if math.isnan(value):
        return Found(None, "the query gives NaN: nothing happened in the window")
    return Found(value) if math.isfinite(value) else Found(None, f"the query gives {text}")


def _advice(status: int) -> str:
    if status in {401, 403}:
        return "; authenticate with --prometheus-headers"
    return "; is it the address of a Prometheus?" if status < 500 else ""
