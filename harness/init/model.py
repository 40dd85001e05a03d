"""What a service offers, what of it is called, and why the rest is not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

ArgumentPlace: TypeAlias = Literal["path", "query", "header", "cookie"]
CredentialKind: TypeAlias = Literal["bearer", "basic", "header", "query", "cookie", "password"]
TaskRole: TypeAlias = Literal["list", "detail", "read", "health", "create", "update", "delete"]

SAFE: Final = frozenset({"get", "head"})
METHODS: Final = ("get", "head", "post", "put", "patch", "delete")
PARAMETER: Final = re.compile(r"\{([^{}]+)\}")


class CannotCall(Exception):  # noqa: N818 - a reason to skip an operation, not a fault
    """An operation cannot be called; the text says why."""


@dataclass(frozen=True, slots=True)
class Unique:
    """A text that differs in each request: `before`, random hexadecimal digits, `after`.

    Attributes:
        uuid: Whether the whole text is a UUID.
    """

    before: str = ""
    after: str = ""
    uuid: bool = False


@dataclass(frozen=True, slots=True)
class PooledId:
    """The id of another resource, taken from a pool in each request.

    Attributes:
        name: Of the field, or of the parameter of the path, whose value it is.
    """

    name: str


# A JSON value in which a text may be Unique, and an id a PooledId.
ExampleValue: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter of an operation.

    Attributes:
        values: The values to send, one of them in each request; empty when none is known.
    """

    place: ArgumentPlace
    name: str
    values: tuple[ExampleValue, ...]


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The body of a request, as JSON or as a form."""

    media: Literal["json", "form"]
    value: ExampleValue


@dataclass(frozen=True, slots=True)
class Credential:
    """A security scheme, whose secrets come from environment variables.

    Attributes:
        scheme: Its name in the document.
        name: Of the header, the query parameter or the cookie.
        variables: Names of the environment variables: a token or key, or a user and a password.
        token_path: Where a user and a password get a token (OAuth2 password flow).
    """

    scheme: str
    kind: CredentialKind
    name: str
    variables: tuple[str, ...]
    token_path: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        method: In lower case.
        path: The route template, e.g. `/items/{item_id}`.
        function: A name for it in Python.
        summary: One line on what it does; may be empty.
        credentials: All of them are sent.
        problem: Why it cannot be called; empty when it can.
        count: How often it was seen in a HAR or an access log; 0 for a document.
        documented: Whether a document describes it, rather than a recording or --path.
    """

    method: str
    path: str
    function: str
    summary: str = ""
    arguments: tuple[Argument, ...] = ()
    body: RequestBody | None = None
    credentials: tuple[Credential, ...] = ()
    problem: str = ""
    count: int = 0
    documented: bool = True

    @property
    def title(self) -> str:
        """Method and route template, as the load generator names its requests."""
        return f"{self.method.upper()} {self.path}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters in the path, in order."""
        return tuple(PARAMETER.findall(self.path))

    def argument(self, place: ArgumentPlace, name: str) -> Argument | None:
        """The argument of that place and name."""
        found = (one for one in self.arguments if (one.place, one.name) == (place, name))
        return next(found, None)


@dataclass(frozen=True, slots=True)
class IdShape:
    """Where the ids are in an answer.

    Attributes:
        members: Keys that lead from the answer to the list, or to the object that has the id.
        key: Key of the id in each item; None when the items are the ids.
        many: Whether the answer has a list of items.
    """

    members: tuple[str, ...]
    key: str | None
    many: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one trial request of an operation.

    Attributes:
        status: None when there was no complete answer.
        problem: Why there was none.
        document: The JSON of the answer; None when it has none.
        seconds: How long the answer took.
    """

    status: int | None
    document: Any = None
    problem: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the service did what the request asks for."""
        return self.status is not None and 200 <= self.status < 400


@dataclass(frozen=True, slots=True)
class IdPool:
    """Ids that answers of the service gave, kept while the load lasts.

    Attributes:
        prefix: The route template up to the parameter, e.g. `/items/{item_id}`.
        variable: Its name in the locustfile.
        parameters: The parameters of `prefix`; an entry has a value for each.
        filler: The function that fills it.
        created: Whether it holds what the run itself created.
        quoted: Whether ids have characters that a path must not contain.
    """

    prefix: str
    variable: str
    parameters: tuple[str, ...]
    filler: str
    created: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class ParameterPick:
    """Where parameters of a path or fields of a body get values: a pool, or fixed values of one."""

    names: tuple[str, ...]
    pool: IdPool | None
    values: tuple[ExampleValue, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadTask:
    """An operation that is called.

    Attributes:
        weight: Its share of the tasks is the weight over the sum of all weights.
        picks: The values of the parameters of the path, and of ids in the body.
        notes: What its reader should know, as comments.
        fills: The pools that its answer fills, and where it has the ids.
        status: The status of its answer in the trial.
        seconds: How long that answer took.
    """

    operation: Operation
    role: TaskRole
    weight: int
    picks: tuple[ParameterPick, ...] = ()
    fills: tuple[tuple[IdPool, IdShape], ...] = ()
    status: int = 200
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operation that is not called, and why."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """What is called and what is not.

    Attributes:
        source: Where the operations are from, for the reader.
    """

    tasks: tuple[LoadTask, ...]
    skipped: tuple[Skipped, ...]
    source: str

    @property
    def pools(self) -> tuple[IdPool, ...]:
        """Every pool that a task fills, once."""
        return tuple(dict.fromkeys(pool for task in self.tasks for pool, _ in task.fills))

    @property
    def mean_time(self) -> float:
        """Seconds of an answer in the trial, on average over the tasks by their shares."""
        return sum(self.share(task) * task.seconds for task in self.tasks)

    def share(self, task: LoadTask) -> float:
        """The share of a task in all tasks."""
        return task.weight / sum(one.weight for one in self.tasks)
