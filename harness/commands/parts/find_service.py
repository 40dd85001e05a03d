"""What a running service shows of itself: its OpenAPI document, its metrics, its readiness."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, Final

from harness.budgets.lint.metrics import Family
from harness.budgets.model import Target
from harness.errors import TargetError, UsageError
from harness.init.document import MOST_BYTES, is_document, read_document
from harness.observe.command import absolute
from harness.observe.fetch import Answer, NoAnswer, fetch
from harness.observe.metric_families import fetch_families

TIMEOUT: Final = 10.0  # seconds for one answer
DOCUMENTS: Final = (
    *("/openapi.json", "/swagger.json", "/api-docs", "/v3/api-docs", "/swagger/v1/swagger.json"),
    *("/openapi.yaml", "/openapi.yml", "/swagger.yaml", "/api/openapi.json", "/api/swagger.json"),
    *("/api/v1/openapi.json", "/api/schema/", "/api/schema/?format=json", "/api-json"),
    *("/api-docs.json", "/docs/json", "/documentation/json", "/docs/openapi.json", "/q/openapi"),
    *("/schema/openapi.json", "/v2/api-docs", "/openapi", "/swagger/doc.json"),
)
METRICS: Final = ("/metrics", "/actuator/prometheus", "/prometheus", "/q/metrics", "/-/metrics")
READY: Final = (
    *("/health/ready", "/ready", "/readyz", "/actuator/health/readiness", "/actuator/health"),
    *("/-/ready", "/healthz", "/health", "/livez", "/ping", "/status"),
)


@dataclass(frozen=True, slots=True)
class FoundMetrics:
    """The metrics of a service: their path or URL, and the families; both empty without any."""

    path: str
    families: Mapping[str, Family]


def find_document(
    url: str, given: str | None, tls: ssl.SSLContext | None = None, stopped: Event | None = None
) -> tuple[Mapping[str, Any], str] | None:
    """The OpenAPI document, and where it is from.

    Args:
        url: Base URL of the service.
        given: A file or a URL; None looks at the usual paths.
        tls: For https; None trusts the certificates that this machine trusts.
        stopped: Set when nothing more may be asked.

    Returns:
        None where none of the usual paths has one.

    Raises:
        UsageError: The given document cannot be read.
        InterruptedError: Nothing more may be asked.
    """
    if given is not None:
        return read_document(_content(given, tls), given), given
    for path in DOCUMENTS:
        _require_going_on(stopped)
        answer = _answer(absolute(url, path), tls)
        if answer is None or answer.status != 200 or b"paths" not in answer.body:
            continue
        try:
            document = read_document(answer.body, path)
        except UsageError:
            continue
        if is_document(document):
            return document, path
    return None


def find_metrics(
    url: str, given: str | None, ca_file: Path | None = None, stopped: Event | None = None
) -> FoundMetrics:
    """The metrics of the service.

    Args:
        url: Base URL of the service.
        given: A path or a URL, or `none`; None looks at the usual paths.
        ca_file: Certificates in PEM that verify the service.
        stopped: Set when nothing more may be asked.

    Raises:
        TargetError: The given path has no valid metrics.
        InterruptedError: Nothing more may be asked.
    """
    if given == "none":
        return FoundMetrics("", {})
    target = Target(url=url, ca_file=ca_file)
    if given is not None:
        return FoundMetrics(given, fetch_families(url, replace(target, metrics=(given,))))
    for path in METRICS:
        _require_going_on(stopped)
        try:
            families = fetch_families(url, replace(target, metrics=(path,)))
        except TargetError:
            continue
        if families:
            return FoundMetrics(path, families)
    return FoundMetrics("", {})


def find_ready(url: str, tls: ssl.SSLContext | None = None, stopped: Event | None = None) -> str:
    """A path that answers 2xx when the service is ready; empty where none can be told.

    Raises:
        InterruptedError: `stopped` is set: nothing more may be asked.
    """
    nowhere = _answer(absolute(url, "/-/harness-asks-for-a-path-that-does-not-exist"), tls)
    if nowhere is None or 200 <= nowhere.status < 300:
        return ""  # it answers every path, so an answer says nothing
    for path in READY:
        _require_going_on(stopped)
        answer = _answer(absolute(url, path), tls)
        if answer is not None and 200 <= answer.status < 300:
            return path
    return ""


def _require_going_on(stopped: Event | None) -> None:
    if stopped is not None and stopped.is_set():
        raise InterruptedError


def _answer(url: str, tls: ssl.SSLContext | None) -> Answer | None:
    try:
        return fetch(url, TIMEOUT, "application/json, */*", tls=tls, most=MOST_BYTES)
    except NoAnswer:
        return None


def _content(given: str, tls: ssl.SSLContext | None) -> bytes:
    """The content of a file or a URL."""
    if given.startswith(("http://", "https://")):
        try:
            answer = fetch(given, TIMEOUT, tls=tls, most=MOST_BYTES)
        except NoAnswer as error:
            raise UsageError(f"{given}: {error}", "correct the address of --openapi") from error
        if answer.status != 200:
            hint = "correct the address, or download the document and name the file"
            raise UsageError(f"{given} answered {answer.status}", hint)
        return answer.body
    return read_file(Path(given), "--openapi", MOST_BYTES)


def read_file(path: Path, option: str, most: int) -> bytes:
    """The content of a file that an option names.

    Raises:
        UsageError: It cannot be read, or is larger than `most` bytes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", f"correct {option}") from error
    if len(data) > most:
        raise UsageError(f"{path} has more than {most >> 20} MiB", f"give {option} a smaller file")
    return data
