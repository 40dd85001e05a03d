"""Operations to tasks: each operation is called once, and what does not answer is skipped."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from statistics import median
from typing import Any, Final

from harness.init.functions import NameSpace, singular, snake
from harness.init.ids import (
    BodyIds,
    LinkedBody,
    collection_of,
    has_list,
    ids_in,
    list_shape,
    object_shape,
    prefixes_of,
)
from harness.init.model import (
    PARAMETER,
    SAFE,
    Answered,
    IdPool,
    IdShape,
    LoadTask,
    Operation,
    ParameterPick,
    Selection,
    Skipped,
    TaskRole,
)
from harness.init.reasons import NEEDS_LOGIN, not_tried, refused

WEIGHTS: Final[dict[TaskRole, int]] = {
    "list": 6,
    "detail": 6,
    "read": 3,
    "health": 1,
    "create": 1,
    "update": 1,
    "delete": 1,
}
_HEALTH: Final = re.compile(r"(^|/)(_?health\w*|ready\w*|live\w*|ping|status|heartbeat)(/|$)")
_TRIED: Final = 3  # ids for which a read is tried
_SLOW: Final = 0.5  # s; an answer that takes longer, and much longer than others, is not called
_QUICK: Final = 0.02  # s; what is faster than that is not compared
_MUCH: Final = 5  # times the median of all answers
_HIGHEST: Final = 20  # weight of the most frequent request of a log

Caller = Callable[[Operation, Mapping[str, Any]], Answered]


def select(
    operations: Sequence[Operation],
    call: Caller,
    *,
    writes: bool,
    environment: Collection[str],
    source: str,
) -> Selection:
    """Call each operation once, and make a task of each that answers.

    Args:
        operations: What the service offers.
        call: Sends one request with the given values of the path's parameters.
        writes: Whether operations that change data are called.
        environment: Names of the environment variables that are set.
        source: Where the operations are from, for the reader.
    """
    return _Selector(operations, call, writes, environment).select(source)


class _Selector:
    def __init__(
        self,
        operations: Sequence[Operation],
        call: Caller,
        writes: bool,
        environment: Collection[str],
    ) -> None:
        self._operations = operations
        self._call = call
        self._writes = writes
        self._environment = environment
        self._names = NameSpace()
        self._token_paths = {c.token_path for one in operations for c in one.credentials} - {""}
        for operation in operations:
            self._names.take(operation.function)
        self._tasks: dict[str, LoadTask] = {}
        self._skipped: dict[str, str] = {}
        self._lists: dict[str, IdPool] = {}
        self._created: dict[str, IdPool] = {}
        self._ids: dict[IdPool, list[tuple[Any, ...]]] = {}
        self._empty: set[str] = set()
        self._body_ids = BodyIds(operations)

    def select(self, source: str) -> Selection:
        open_ = []
        for operation in self._operations:
            reason = not_tried(operation, writes=self._writes) or self._login_needed(operation)
            if reason:
                self._skipped[operation.title] = reason
            else:
                open_.append(operation)
        reads = [one for one in open_ if one.method in SAFE]
        late = [one for one in _by_depth(reads) if not self._read(one)]
        for method in ("post", "put", "patch"):
            found = (one for one in open_ if one.method == method)
            for operation in sorted(found, key=self._body_ids.order):
                self._write(operation)
        for operation in late:
            self._read(operation)
        for operation in reversed(_by_depth(one for one in open_ if one.method == "delete")):
            self._write(operation)
        self._leave_out_slow()
        self._leave_out_unused_ids()
        titles = [one.title for one in self._operations]
        return Selection(
            tuple(self._tasks[one] for one in dict.fromkeys(titles) if one in self._tasks),
            tuple(
                Skipped(one, self._skipped[one])
                for one in dict.fromkeys(titles)
                if one in self._skipped
            ),
            source,
        )

    def _leave_out_slow(self) -> None:
        """Caller what is much slower than the rest rarely, and what takes a second not at all."""
        if len(self._tasks) < 2:
            return
        usual = max(median(task.seconds for task in self._tasks.values()), _QUICK)
        fillers = {pick.pool.filler for t in self._tasks.values() for pick in t.picks if pick.pool}
        for title, task in list(self._tasks.items()):
            needed = task.operation.function in fillers
            if task.seconds > max(_SLOW, _MUCH * usual) and not needed:
                del self._tasks[title]
                self._skipped[title] = (
                    "it is much slower than the rest, which would wait for it: give it a scenario"
                    " of its own"
                )
            elif task.seconds > _MUCH * usual and task.operation.count == 0:
                self._tasks[title] = replace(task, weight=1)

    def _leave_out_unused_ids(self) -> None:
        """Keep only the ids that a request uses."""
        used = {pick.pool for task in self._tasks.values() for pick in task.picks}
        for title, task in self._tasks.items():
            fills = tuple((pool, shape) for pool, shape in task.fills if pool in used)
            self._tasks[title] = replace(task, fills=fills)

    def _login_needed(self, operation: Operation) -> str:
        """Why the login of an operation is not possible; empty when it is, or not needed."""
        if operation.path in self._token_paths:
            return "it is the log-in"
        variables = [name for one in operation.credentials for name in one.variables]
        missing = [name for name in dict.fromkeys(variables) if name not in self._environment]
        return f"{NEEDS_LOGIN}: set {' and '.join(missing)}" if missing else ""

    def _read(self, operation: Operation) -> bool:
        """Try a read; returns whether there was something to try."""
        candidates = self._candidates(operation)
        answered = None
        for picks, values in candidates:
            answered = self._call(operation, values)
            if answered.ok:
                self._add(operation, picks, answered, values)
                return True
        listless = (
            answered is not None and answered.status == 404 and self._lists_nothing(operation)
        )
        if answered is None or listless:
            self._skipped[operation.title] = self._no_values(operation)
        else:
            self._skipped[operation.title] = refused(operation, answered, self._pooled(operation))
        return answered is not None and not listless

    def _write(self, operation: Operation) -> None:
        """Try a write; changes and deletions only of what the trial itself created."""
        own = operation.method != "post"
        candidates = self._candidates(operation, own=own)
        if not candidates:
            self._skipped[operation.title] = (
                "no operation creates what it would change" if own else self._no_values(operation)
            )
            return
        picks, values = candidates[0]
        linked = self._body_ids.linked(operation, picks, self._first_id)
        answered = self._call(linked.operation, {**values, **linked.values})
        if linked.operation != operation and not answered.ok:  # a name may mean something else
            linked = LinkedBody(operation)
            answered = self._call(operation, values)
        if not answered.ok:
            self._skipped[operation.title] = refused(operation, answered, pooled=True)
            return
        self._add(linked.operation, (*picks, *linked.picks), answered, values)
        if operation.method == "delete":
            for pick in picks:
                if pick.pool is not None:
                    self._ids[pick.pool] = self._ids[pick.pool][1:]

    def _first_id(self, prefix: str) -> tuple[IdPool, Any] | None:
        """The pool of a route template that has ids, and one of them."""
        pools = (self._lists.get(prefix), self._created.get(prefix))
        known = (one for one in pools if one is not None and self._ids[one])
        return next(((pool, self._ids[pool][0][-1]) for pool in known), None)

    def _add(
        self,
        operation: Operation,
        picks: tuple[ParameterPick, ...],
        answered: Answered,
        values: Mapping[str, Any],
    ) -> None:
        self._skipped.pop(operation.title, None)
        fills = tuple(self._fills(operation, answered, values))
        role = _role(operation, answered, filled=bool(fills))
        weight = WEIGHTS[role]
        if operation.count:
            most = max(one.count for one in self._operations)
            weight = max(1, round(_HIGHEST * operation.count / most))
        self._tasks[operation.title] = LoadTask(
            *(operation, role, weight, picks, fills, answered.status or 0, answered.seconds),
            notes=self._body_ids.notes(operation),
        )

    def _fills(
        self, operation: Operation, answered: Answered, values: Mapping[str, Any]
    ) -> Iterable[tuple[IdPool, IdShape]]:
        """The pools that an answer fills."""
        for prefix in self._body_ids.prefixes:
            if not self._feeds(operation, prefix):
                continue
            created = operation.method == "post"
            pools = self._created if created else self._lists
            find = object_shape if created else list_shape
            shape = find(answered.document, prefix)
            if prefix in pools:
                continue
            if shape is None:
                if not created and has_list(answered.document):
                    self._empty.add(prefix)
                continue
            ids = ids_in(answered.document, shape)
            names = tuple(PARAMETER.findall(prefix))
            pool = IdPool(
                *(prefix, self._variable(prefix, created), names, operation.function),
                created=created,
                quoted=any(re.search(r"[^\w.~-]", str(one), re.ASCII) for one in ids),
            )
            parents = tuple(values[name] for name in names[:-1])
            pools[prefix] = pool
            self._ids[pool] = [(*parents, one) for one in ids]
            yield pool, shape

    def _feeds(self, operation: Operation, prefix: str) -> bool:
        """Whether the answer of an operation may have ids for a route template."""
        collection, path = collection_of(prefix), operation.path.rstrip("/") or "/"
        if path == collection:
            return operation.method in {"get", "post"}
        if operation.method != "get" or not path.startswith(f"{collection.rstrip('/')}/"):
            return False
        # Another list below, e.g. a search; only where nothing lists the collection itself.
        rest = path[len(collection) :]
        listed = any(
            (one.path.rstrip("/") or "/") == collection and one.method == "get"
            for one in self._operations
        )
        return not listed and "{" not in rest

    def _variable(self, prefix: str, created: bool) -> str:
        parameter = snake(PARAMETER.findall(prefix)[-1])
        noun = re.sub(r"_?(id|uuid|pk|guid)$", "", parameter)
        if not noun:
            noun = singular(snake(collection_of(prefix).rpartition("/")[2])) or "known"
        return self._names.take(f"{'created_' if created else ''}{noun}_ids")

    def _candidates(
        self, operation: Operation, *, own: bool = False
    ) -> list[tuple[tuple[ParameterPick, ...], dict[str, Any]]]:
        """Ways to choose the parameters of the path, with values for a first request each."""
        prefixes = {len(PARAMETER.findall(one)): one for one in prefixes_of(operation.path)}
        found: list[tuple[tuple[ParameterPick, ...], dict[str, Any]]] = []
        for pools in (self._created,) if own else (self._lists, self._created):
            picks = self._picks(operation, prefixes, pools, own=own)
            if picks is not None and picks not in [one for one, _ in found]:
                found += [(picks, values) for values in self._values(picks)]
        if not own and operation.parameters:
            fixed = [operation.argument("path", name) for name in operation.parameters]
            if all(one is not None and one.values for one in fixed):
                picks = tuple(ParameterPick((one.name,), None, one.values) for one in fixed if one)
                found += [(picks, values) for values in self._values(picks)]
                if operation.count:  # what users asked for is better than what there is
                    found.sort(key=lambda one: one[0] != picks)
        return found

    def _picks(
        self,
        operation: Operation,
        prefixes: Mapping[int, str],
        pools: Mapping[str, IdPool],
        *,
        own: bool,
    ) -> tuple[ParameterPick, ...] | None:
        names, picks = operation.parameters, []
        count = len(names)
        while count:
            prefix = prefixes.get(count, "")
            pool = pools.get(prefix) or self._same_name(names[count - 1], count, pools)
            if pool is not None and self._ids[pool]:
                picks.append(ParameterPick(names[count - len(pool.parameters) : count], pool))
                count -= len(pool.parameters)
                pools = {**self._lists, **self._created} if own else pools
                continue
            argument = operation.argument("path", names[count - 1])
            if argument is None or not argument.values or own:
                return None
            picks.append(ParameterPick((argument.name,), None, argument.values))
            count -= 1
        return tuple(reversed(picks))

    def _same_name(self, name: str, count: int, pools: Mapping[str, IdPool]) -> IdPool | None:
        """A pool of ids of the same specific name: `user_id` of `/users/{user_id}`."""
        if snake(name) in {"id", "uuid", "pk", "name", "key", "slug", "code"}:
            return None
        found = (one for one in pools.values() if one.parameters == (name,))
        return next(found, None)

    def _values(self, picks: Sequence[ParameterPick]) -> list[dict[str, Any]]:
        """Values for a few requests."""
        choices: list[list[dict[str, Any]]] = []
        for pick in picks:
            if pick.pool is not None:
                rows: list[tuple[Any, ...]] = self._ids[pick.pool][:_TRIED]
            else:
                rows = [(one,) for one in pick.values[:_TRIED]]
            choices.append([dict(zip(pick.names, row, strict=True)) for row in rows])
        made = [{k: v for part in parts for k, v in part.items()} for parts in product(*choices)]
        return made[:_TRIED]

    def _pooled(self, operation: Operation) -> bool:
        return any(one in self._lists for one in prefixes_of(operation.path))

    def _lists_nothing(self, operation: Operation) -> str:
        """The list that would have the ids for an operation, if it is empty."""
        for prefix in prefixes_of(operation.path):
            if prefix in self._empty and prefix not in self._lists:
                return collection_of(prefix)
        return ""

    def _no_values(self, operation: Operation) -> str:
        missing = operation.parameters[-1] if operation.parameters else ""
        if empty := self._lists_nothing(operation):
            return f"{empty} lists nothing: put data into the service"
        return f"nothing lists or creates its {missing}, and the document has no example of it"


def _by_depth(operations: Iterable[Operation]) -> list[Operation]:
    """Lists before what they list."""
    return sorted(operations, key=lambda one: len(one.parameters))


def _role(operation: Operation, answered: Answered, *, filled: bool) -> TaskRole:
    match operation.method:
        case "post":
            return "create"
        case "put" | "patch":
            return "update"
        case "delete":
            return "delete"
    if _HEALTH.search(operation.path.lower()) and not operation.parameters:
        return "health"
    if operation.path.rstrip("/").endswith("}"):
        return "detail"
    return "list" if filled or has_list(answered.document) else "read"


def without(selection: Selection, failed: Mapping[str, str]) -> Selection:
    """The selection without some tasks, by title with the reason why they are left out.

    Tasks that get their ids from one of them are left out, too.
    """
    failed = dict(failed)
    kept = selection.tasks
    while len(left := [one for one in kept if one.operation.title not in failed]) < len(kept):
        kept = tuple(left)
        fillers = {one.operation.function for one in kept}
        for task in kept:
            if any(pick.pool and pick.pool.filler not in fillers for pick in task.picks):
                failed[task.operation.title] = "its ids come from a request that is left out"
    skipped = [Skipped(title, reason) for title, reason in failed.items()]
    return replace(selection, tasks=kept, skipped=(*selection.skipped, *skipped))
