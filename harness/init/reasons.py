"""Why an operation is not called, by its name or by the answer to its trial."""

from __future__ import annotations

import re
from typing import Final

from harness.init.model import SAFE, Answered, Operation

NEEDS_LOGIN: Final = "it needs a log-in"
_NOT_LOAD: Final = re.compile(
    r"(^|/)(metrics|prometheus|openapi\.(json|ya?ml)|swagger[\w.-]*|api-docs|docs|redoc"
    r"|favicon\.ico)(/|$)"
)
_ENDS: Final = re.compile(
    r"(^|[/_-])(log-?out|sign-?out|shut-?down|restart|delete|remove|purge|reset|revoke)([/_-]|$)"
)


def not_tried(operation: Operation, *, writes: bool) -> str:
    """Why an operation is not even tried; empty when it is.

    Args:
        operation: What the service offers.
        writes: Whether operations that change data are called.
    """
    if operation.problem:
        return operation.problem
    if operation.method not in SAFE and not writes:
        return "it may change data; --writes includes it"
    path = operation.path.lower()
    if _NOT_LOAD.search(path):
        return "it serves tools, not users"
    if _ENDS.search(path) and operation.method != "delete":
        return "by its name, it ends or removes something"
    return ""


def refused(operation: Operation, answered: Answered, pooled: bool) -> str:
    """Why the answer to the trial makes an operation unfit for load.

    Args:
        operation: What was called.
        answered: How the service answered.
        pooled: Whether the ids of the request came from the service.
    """
    if answered.status is None:
        return answered.problem
    said = f"it answered {answered.status}"
    if answered.status in {401, 403}:
        return _not_allowed(operation, said)
    if not operation.documented:
        return f"{said}: check the path" if answered.status == 404 else said
    if answered.status == 404 and operation.parameters and not pooled:
        return f"{said}: nothing lists or creates its {operation.parameters[-1]}"
    wrong = answered.status in {400, 404, 409, 415, 422}
    return f"{said} to the example; put a valid `example` into the document" if wrong else said


def _not_allowed(operation: Operation, said: str) -> str:
    names = " and ".join(name for one in operation.credentials for name in one.variables)
    if not names:
        return f"{NEEDS_LOGIN}, which the document does not declare ({said})"
    if "403" in said:
        return f"{said}: the user of {names} may not do it"
    return f"{said}: the value of {names} is not accepted"
