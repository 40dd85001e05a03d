"""Requests for one operation, before there is any load."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping, Sequence
from threading import Event
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import uuid4

from harness.commands.parts.find_service import TIMEOUT
from harness.init.model import PARAMETER, SAFE, Answered, Credential, Operation, PooledId, Unique
from harness.observe.fetch import NoAnswer, fetch

_SLOW: Final = 0.1  # seconds of an answer that is asked for again
_MOST_BYTES: Final = 8 * 2**20  # of an answer


class TrialRequests:
    """Sends requests for operations, and measures how long the answers take.

    Args:
        url: Base URL of the service.
        environment: Environment variables, which have the credentials.
        stopped: Set when nothing more may be asked.
        tls: For https; None trusts the certificates that this machine trusts.
    """

    def __init__(
        self,
        url: str,
        environment: Mapping[str, str],
        stopped: Event | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url
        self._tls = tls
        self._stopped = stopped or Event()
        self._environment = environment
        self._tokens: dict[str, str] = {}

    def call(self, operation: Operation, values: Mapping[str, Any]) -> Answered:
        """Send a request; a slow read once more, of which the faster answer counts.

        Args:
            operation: What is called.
            values: Of the parameters of the path, and of the ids in the body.

        Raises:
            InterruptedError: Nothing more may be asked.
        """
        if self._stopped.is_set():
            raise InterruptedError
        headers: dict[str, str] = {}
        query: list[tuple[str, Any]] = []
        cookies: list[str] = []
        for argument in operation.arguments:
            if not argument.values or argument.place == "path":
                continue
            value = argument.values[0]
            if argument.place == "query":
                query.append((argument.name, value))
            elif argument.place == "header":
                headers[argument.name] = _text(value)
            else:
                cookies.append(f"{argument.name}={_text(value)}")
        for credential in operation.credentials:
            if problem := self._add(credential, headers, query, cookies):
                return Answered(None, problem=problem)
        if cookies:
            headers["Cookie"] = "; ".join(cookies)
        body = self._body(operation, values, headers)
        target = _target(operation, values, query)
        answered = self._send(operation, target, headers, body)
        if answered.ok and answered.seconds > _SLOW and operation.method in SAFE:
            again = self._send(operation, target, headers, body)  # the first may have been cold
            answered = min(answered, again, key=lambda one: (not one.ok, one.seconds))
        return answered

    def _send(
        self, operation: Operation, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answered:
        begin = monotonic()
        try:
            answer = fetch(
                f"{self._url}{target}",
                TIMEOUT,
                "application/json, */*",
                headers={name: value for name, value in headers.items() if _sendable(value)},
                tls=self._tls,
                body=body,
                most=_MOST_BYTES,
                method=operation.method.upper(),
            )
        except NoAnswer as error:
            return Answered(None, problem=f"it gave no answer: {error}")
        return Answered(answer.status, _json(answer.body), seconds=monotonic() - begin)

    def _body(
        self, operation: Operation, values: Mapping[str, Any], headers: dict[str, str]
    ) -> bytes | None:
        if operation.body is None:
            return None
        value = concrete(operation.body.value, values)
        if operation.body.media == "json":
            return json.dumps(value).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return urlencode(value, doseq=True).encode()

    def _add(
        self,
        credential: Credential,
        headers: dict[str, str],
        query: list[tuple[str, Any]],
        cookies: list[str],
    ) -> str:
        """Add a credential to a request; returns why that is not possible."""
        secrets = [self._environment.get(name, "") for name in credential.variables]
        match credential.kind:
            case "bearer":
                headers["Authorization"] = f"Bearer {secrets[0]}"
            case "basic":
                pair = base64.b64encode(":".join(secrets).encode()).decode("ascii")
                headers["Authorization"] = f"Basic {pair}"
            case "header":
                headers[credential.name] = secrets[0]
            case "query":
                query.append((credential.name, secrets[0]))
            case "cookie":
                cookies.append(f"{credential.name}={secrets[0]}")
            case "password":
                if not (token := self._token(credential, secrets)):
                    names = " and ".join(credential.variables)
                    return f"{credential.token_path} gives no token for {names}"
                headers["Authorization"] = f"Bearer {token}"
        return ""

    def _token(self, credential: Credential, secrets: Sequence[str]) -> str:
        """The token for a user and a password; empty where there is none."""
        path = credential.token_path
        if path not in self._tokens:
            form = urlencode({"username": secrets[0], "password": secrets[1]}).encode()
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            try:
                answer = fetch(
                    f"{self._url}{path}", TIMEOUT, headers=kind, tls=self._tls, body=form
                )
                document = _json(answer.body)
            except NoAnswer:
                document = None
            token = document.get("access_token") if isinstance(document, Mapping) else None
            self._tokens[path] = token if isinstance(token, str) else ""
        return self._tokens[path]


_NONE: Final[Mapping[str, Any]] = {}


def concrete(value: Any, ids: Mapping[str, Any] = _NONE) -> Any:
    """A value of an example with a text for each Unique, and an id for each PooledId."""
    if isinstance(value, Unique):
        return str(uuid4()) if value.uuid else f"{value.before}{uuid4().hex[:8]}{value.after}"
    if isinstance(value, PooledId):
        return ids[value.name]
    if isinstance(value, Mapping):
        return {key: concrete(one, ids) for key, one in value.items()}
    return [concrete(one, ids) for one in value] if isinstance(value, list | tuple) else value


def _target(
    operation: Operation, values: Mapping[str, Any], query: Sequence[tuple[str, Any]]
) -> str:
    """Path and query."""
    filled = PARAMETER.sub(
        lambda match: quote(str(values[match.group(1)]), safe=""), operation.path
    )
    path = quote(filled, safe="/:@!$&()*+,;=~-._%'")
    pairs = [(name, concrete(value)) for name, value in query]
    return f"{path}?{urlencode(pairs, doseq=True)}" if pairs else path


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sendable(value: str) -> bool:
    return value.isprintable() and value.isascii()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body.lstrip()[:1] in {b"{", b"["} else None
    except (ValueError, RecursionError):
        return None
