"""Security schemes of a document to credentials from environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from harness.init.document import References
from harness.init.model import CannotCall, Credential

TOKEN, KEY = "API_TOKEN", "API_KEY"
USER, PASSWORD = "API_USERNAME", "API_PASSWORD"


class Security:
    """The security schemes of a document.

    Args:
        document: The whole document.
        references: Of the document.
        prefix: Path before all paths of the document.
    """

    def __init__(self, document: Mapping[str, Any], references: References, prefix: str) -> None:
        components = document.get("components")
        schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
        schemes = schemes or document.get("securityDefinitions")
        self._schemes = schemes if isinstance(schemes, Mapping) else {}
        self._default = document.get("security")
        self._references = references
        self._prefix = prefix

    def credentials(self, operation: Mapping[str, Any]) -> tuple[Credential, ...]:
        """What the operation needs: the first of its alternatives that can be sent.

        Raises:
            CannotCall: None of them can.
        """
        required = operation.get("security", self._default)
        alternatives = required if isinstance(required, list) else []
        if not alternatives or {} in alternatives:
            return ()
        problem = CannotCall("its security is not valid")
        for alternative in alternatives:
            try:
                names = alternative if isinstance(alternative, Mapping) else {}
                return tuple(self._credential(str(name)) for name in names)
            except CannotCall as error:
                problem = error
        raise problem

    def _credential(self, name: str) -> Credential:
        scheme = self._references.mapping(self._schemes.get(name))
        kind, where = str(scheme.get("type")), str(scheme.get("in"))
        http = str(scheme.get("scheme", "")).lower()
        if kind == "basic" or (kind == "http" and http == "basic"):
            return Credential(name, "basic", "Authorization", (USER, PASSWORD))
        if kind == "http" and http == "bearer":
            return Credential(name, "bearer", "Authorization", (TOKEN,))
        if kind == "apiKey" and where in {"header", "query", "cookie"} and scheme.get("name"):
            variable = KEY if self._api_keys() == 1 else f"{KEY}_{_upper(name)}"
            place = {"header": "header", "query": "query", "cookie": "cookie"}[where]
            return Credential(name, place, str(scheme["name"]), (variable,))  # type: ignore[arg-type]
        if kind in {"oauth2", "openIdConnect"}:
            token = self._token_path(scheme)
            if token:
                return Credential(name, "password", "Authorization", (USER, PASSWORD), token)
            return Credential(name, "bearer", "Authorization", (TOKEN,))
        raise CannotCall(f"its security scheme {name} ({http or kind}) is not supported")

    def _api_keys(self) -> int:
        schemes = map(self._references.mapping, self._schemes.values())
        return sum(scheme.get("type") == "apiKey" for scheme in schemes)

    def _token_path(self, scheme: Mapping[str, Any]) -> str:
        """The path of the token URL of the password flow; empty without that flow."""
        flows = scheme.get("flows")
        flow = flows.get("password") if isinstance(flows, Mapping) else None
        if scheme.get("flow") == "password":
            flow = scheme
        if not isinstance(flow, Mapping) or not isinstance(flow.get("tokenUrl"), str):
            return ""
        url = str(flow["tokenUrl"])
        if url.startswith(("http://", "https://")):
            return urlsplit(url).path
        return url if url.startswith("/") else f"{self._prefix}/{url.removeprefix('./')}"


def _upper(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()
