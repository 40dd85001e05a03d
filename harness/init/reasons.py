"""Why an operation is not called, by the answer to its trial."""

from __future__ import annotations

from typing import Final

from harness.init.model import Answered, Operation

NEEDS_LOGIN: Final = "it needs a login"


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
