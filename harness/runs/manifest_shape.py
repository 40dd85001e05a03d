"""A stored run.json: what the readers of its `scenario` and `target` rely on is checked.

A folder may come from an older version, so a missing key is no error, except the scenario's name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from harness.runs.model import MOST, Count, Manifest

_Amount = Annotated[float, Field(ge=0, le=MOST)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class _Stage(_Part):
    seconds: _Amount
    rate: _Amount | None = None
    start_rate: _Amount | None = None
    users: _Amount | None = None
    start_users: _Amount | None = None

    @model_validator(mode="after")
    def _has_level(self) -> _Stage:
        if self.rate is None and self.users is None:
            raise ValueError("a stage needs a rate or users")
        return self


class _Workload(_Part):
    model: str | None = None
    shape: str | None = None
    stages: tuple[_Stage, ...] = ()


class _Load(_Part):
    name: str = ""
    locustfile: str = ""
    start: _Amount = 0.0
    workload: _Workload = _Workload()


class _Scenario(_Part):
    name: str
    loads: tuple[_Load, ...] = ()
    warm_up: _Amount | None = None
    duration: _Amount | None = None
    workers: Count | None = None


class _Target(_Part):
    url: str = ""
    command: str | None = None
    metrics: tuple[str, ...] = ()
    ours: bool = False
    exit_code: Count | None = None
    scrape_interval: Annotated[float, Field(gt=0, le=MOST)] | None = None
    scrape_error: str = ""


class StoredManifest(Manifest):
    """A run.json that was read: its scenario and target have the types and amounts of a run."""

    schema_version: Literal[1] = Field(1, alias="schema", serialization_alias="schema")

    @field_validator("scenario")
    @classmethod
    def _is_scenario(cls, scenario: dict[str, Any]) -> dict[str, Any]:
        return _checked(scenario, _Scenario)

    @field_validator("target")
    @classmethod
    def _is_target(cls, target: dict[str, Any]) -> dict[str, Any]:
        return _checked(target, _Target)


def _checked(facts: dict[str, Any], shape: type[_Part]) -> dict[str, Any]:
    """The facts, unchanged, or an error with the place and the problem of the first bad one."""
    try:
        shape.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise PydanticCustomError("part", "{text}", {"text": f"{place}: {first['msg']}"}) from error
    return facts
