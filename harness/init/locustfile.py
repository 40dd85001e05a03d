"""The text of the locustfile."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from harness.init.calls import call_of, place_of, variables_of
from harness.init.functions import local_name
from harness.init.model import Credential, IdPool, IdShape, LoadTask, ParameterPick, Selection
from harness.init.python_text import WIDTH, lay_out, text_literal

_MOST_IDS: Final = 1000
_HEAD: Final = '''\
"""{title}

`harness init` wrote this file once, for you to keep and change: weights, values, tasks.
It also runs under Locust itself: locust -f {file} -H {host}

{topics}
"""
'''


def locustfile_text(selection: Selection, service: str, file: str, host: str) -> str:
    """The locustfile with a task for each operation that is called.

    Args:
        selection: What is called and what is not.
        service: Name of the service.
        file: Path of the file, for its head.
        host: Base URL of the service, for its head.
    """
    body = "\n".join(_class(selection))
    head = _HEAD.format(
        title=_safe(f"Load for {service}, made from {selection.source}."),
        file=_safe(file),
        host=_safe(host),
        topics="\n\n".join(_topics(selection)),
    )
    constants = "\n".join(_constants(selection))
    imports = _imports(f"{constants}\n{body}")
    parts = [head, imports, *([f"{constants}\n"] if constants else [])]
    return "\n".join(parts) + f"\n\n{body}\n"


def called_lines(selection: Selection) -> list[str]:
    """A line for each operation that is called, with its share of the tasks."""
    tasks = sorted(selection.tasks, key=lambda task: -task.weight)
    return [f"{selection.share(task):4.0%}  {task.operation.title}" for task in tasks]


def skipped_lines(selection: Selection) -> list[str]:
    """The operations that are not called, by reason: a line for the reason, then one for each."""
    lines = []
    for reason in dict.fromkeys(one.reason for one in selection.skipped):
        lines.append(f"{reason}:")
        lines += [f"    {one.title}" for one in selection.skipped if one.reason == reason]
    return lines


def _topics(selection: Selection) -> Iterator[str]:
    yield "\n".join(["Called, by share of the tasks:", *_indented(called_lines(selection))])
    if selection.skipped:
        yield "\n".join(["Not called:", *_indented(skipped_lines(selection))])
    if variables := variables_of(selection):
        listed = ", ".join(variables)
        yield _filled(f"Secrets come from environment variables: {listed}.")
    created = [pool for pool in selection.pools if pool.created]
    kept = [pool for pool in created if not _is_deleted(selection, pool)]
    writers = [one for one in selection.tasks if one.role == "create"]
    if writers and (kept or len(created) < len(writers)):
        yield _filled("The load creates data that it does not delete: use a database for tests.")


def _indented(lines: Iterable[str]) -> list[str]:
    made = []
    for line in lines:
        made += textwrap.wrap(
            _safe(line), WIDTH, initial_indent="    ", subsequent_indent="            ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return made


def _filled(text: str) -> str:
    return "\n".join(textwrap.wrap(text, WIDTH))


def _safe(text: str) -> str:
    """A text that may stand in a docstring."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    return plain.replace("\\", "/").replace('"', "'")


def _imports(text: str) -> str:
    """The imports that the rest of the file needs."""
    standard = [
        ("os.environ", "import os"),
        ("random.choice", "import random"),
        ("deque(", "from collections import deque"),
        ("quote(", "from urllib.parse import quote"),
        ("uuid4()", "from uuid import uuid4"),
    ]
    needed = [line for use, line in standard if use in text]
    others = ["from gevent.lock import Semaphore"] if "Semaphore(" in text else []
    others += ["from harness import FastUser", "from locust import between, task"]
    return "\n".join([*needed, *([""] if needed else []), *others]) + "\n"


def _constants(selection: Selection) -> Iterator[str]:
    """The module's variables: credentials and pools."""
    for credential in dict.fromkeys(c for t in selection.tasks for c in t.operation.credentials):
        yield from _credential(credential)
    lists = [pool for pool in selection.pools if not pool.created]
    if lists:
        yield "# Ids that the service listed."
    for pool in lists:
        yield f"{pool.variable} = deque(maxlen={_MOST_IDS})"
    created = [pool for pool in selection.pools if pool.created]
    if created:
        yield "# Ids of what this load created and did not delete yet."
    for pool in created:
        yield f"{pool.variable} = deque()"


def _credential(credential: Credential) -> Iterator[str]:
    place = place_of(credential)
    values = [f'os.environ["{name}"]' for name in credential.variables]
    inner = f"{{os.environ['{credential.variables[0]}']}}"
    match credential.kind:
        case "bearer":
            yield from lay_out("", f'{place} = {{"Authorization": f"Bearer {inner}"}}', 0)
        case "basic":
            yield f"{place} = ({', '.join(values)})"
        case "header":
            yield f"{place} = {{{text_literal(credential.name)}: {values[0]}}}"
        case "cookie":
            cookie = text_literal(f"{credential.name}=")[1:-1].replace("{", "{{").replace("}", "}}")
            yield f'{place} = {{"Cookie": f"{cookie}{inner}"}}'
        case "query":
            yield f"{place} = {{{text_literal(credential.name)}: {values[0]}}}"
        case "password":
            yield f"{place} = {{}}  # set by on_start"
            yield "logging_in = Semaphore()"


def _class(selection: Selection) -> Iterator[str]:
    yield "class Visitor(FastUser):"
    reads = sum(selection.share(task) for task in selection.tasks if _reads(task))
    what = "Every task reads" if reads > 0.999 else f"{reads:.0%} of the tasks read"
    yield f'    """{what}."""'
    yield ""
    yield "    wait_time = between(0.5, 2)  # seconds; only for `users:`, not for `rate:`"
    yield from _on_start(selection)
    for task in selection.tasks:
        yield ""
        yield from _task(task, selection)


def _reads(task: LoadTask) -> bool:
    return task.role in {"list", "detail", "read", "health"}


def _on_start(selection: Selection) -> Iterator[str]:
    """Log in, and list what exists before the load creates and deletes."""
    credentials = dict.fromkeys(c for t in selection.tasks for c in t.operation.credentials)
    logins = [one for one in credentials if one.kind == "password"]
    firsts = [pool for pool in selection.pools if _listed_once(selection, pool)]
    if not logins and not firsts:
        return
    yield ""
    yield "    def on_start(self):"
    what = ["Log in, once for all users"] if logins else []
    what += ["List what exists before the load" if not what else "list what exists"] * bool(firsts)
    yield f'        """{"; ".join(what)}."""'
    for credential in logins:
        place = place_of(credential)
        user, password = credential.variables
        yield "        with logging_in:"
        yield f"            if not {place}:"
        yield "                form = {"
        yield f'                    "username": os.environ["{user}"],'
        yield f'                    "password": os.environ["{password}"],'
        yield "                }"
        yield f"                answer = self.client.post({text_literal(credential.token_path)}, data=form)"  # noqa: E501
        yield '                token = answer.json()["access_token"]'
        yield f'                {place}["Authorization"] = f"Bearer {{token}}"'
    for pool in firsts:
        yield f"        if not {pool.variable}:"
        yield f"            self.{pool.filler}()"


def _is_deleted(selection: Selection, pool: IdPool) -> bool:
    """Whether the load deletes what a route template names."""
    return any(
        task.role == "delete"
        and any(pick.pool is not None and pick.pool.prefix == pool.prefix for pick in task.picks)
        for task in selection.tasks
    )


def _listed_once(selection: Selection, pool: IdPool) -> bool:
    """Whether a list is read only before the load: later it has what the load deletes."""
    return not pool.created and _is_deleted(selection, pool)


def _task(task: LoadTask, selection: Selection) -> Iterator[str]:
    operation = task.operation
    yield f"    @task({task.weight})"
    yield f"    def {operation.function}(self):"
    said = operation.summary if " " in operation.summary else operation.title
    yield f'        """{_docstring(said)}"""'
    returned = []
    expressions: dict[str, str] = {}
    for pick in task.picks:
        if pick.pool is None:
            name = pick.names[0]
            if len(pick.values) == 1:
                expressions[name] = f"={pick.values[0]}"
                continue
            yield from _wrapped_choice(local_name(name), [_value(one) for one in pick.values])
            plain = all(quote(str(one), safe="") == str(one) for one in pick.values)
            expressions[name] = _in_path(local_name(name), quoted=not plain)
            continue
        pool = pick.pool
        yield f"        if not {pool.variable}:"
        yield f"            self.{pool.filler}()"
        yield f"        if not {pool.variable}:"
        yield "            return  # there is none"
        names = [_local(pick, name) for name in pick.names]
        target = ", ".join(names)
        if pool.created and _is_deleted(selection, pool):
            yield "        # Taken out, so that no other user deletes it meanwhile."
            yield f"        {target} = {pool.variable}.popleft()"
            if task.role != "delete":
                entry = target if len(names) == 1 else f"({target})"
                returned.append(f"        {pool.variable}.append({entry})")
        else:
            yield f"        {target} = random.choice({pool.variable})"
        for name, local in zip(pick.names, names, strict=True):
            expressions[name] = _in_path(local, quoted=pool.quoted)
    for note in task.notes:
        yield from (f"        # {line}" for line in textwrap.wrap(_safe(note), WIDTH - 10))
    before = "response = " if task.fills else ""
    of_path = {name: one for name, one in expressions.items() if name in operation.parameters}
    yield from lay_out(before, call_of(operation, of_path), 8)
    yield from _fills(task, selection)
    yield from returned


def _in_path(local: str, *, quoted: bool) -> str:
    """The expression of a value in a path; quoted where it has characters that a path has not."""
    return f"quote(str({local}), safe='')" if quoted else local


def _wrapped_choice(local: str, choices: Sequence[str]) -> Iterator[str]:
    line = f"        {local} = random.choice(({', '.join(choices)}))"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"        {local} = random.choice("
    yield "            ("
    for choice in choices:
        yield f"                {choice},"
    yield "            )"
    yield "        )"


def _fills(task: LoadTask, selection: Selection) -> Iterator[str]:
    """The lines that keep the ids of an answer."""
    for pool, shape in task.fills:
        condition = f"response.status_code == {task.status}"
        if _listed_once(selection, pool):
            condition += f" and not {pool.variable}"
        yield f"        if {condition}:"
        parents = [_parent(task, name) for name in pool.parameters[:-1]]
        answer = "response.json()" + "".join(f"[{text_literal(one)}]" for one in shape.members)
        if shape.many:
            yield from _extended(pool, shape, answer, parents)
        else:
            found = f"{answer}[{text_literal(shape.key or '')}]"
            entry = f"({', '.join([*parents, found])})" if parents else found
            yield f"            {pool.variable}.append({entry})"


def _extended(pool: IdPool, shape: IdShape, answer: str, parents: list[str]) -> Iterator[str]:
    item = "item" if shape.key is None else f"item[{text_literal(shape.key)}]"
    entry = f"({', '.join([*parents, item])})" if parents else item
    line = f"            {pool.variable}.extend({entry} for item in {answer})"
    if entry == "item":
        line = f"            {pool.variable}.extend({answer})"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"            for item in {answer}:"
    yield f"                {pool.variable}.append({entry})"


def _parent(task: LoadTask, name: str) -> str:
    """The expression of a parameter of the path above an id."""
    pick = next(one for one in task.picks if name in one.names)
    if pick.pool is None and len(pick.values) == 1:
        return _value(pick.values[0])
    return _local(pick, name)


def _local(pick: ParameterPick, name: str) -> str:
    """The local variable for a parameter of the path; `item_id` for an `id` of `item_ids`."""
    if pick.pool is not None and name == pick.names[-1] and name in {"id", "pk", "uuid"}:
        return pick.pool.variable.removeprefix("created_").removesuffix("s")
    return local_name(name)


def _value(value: Any) -> str:
    return text_literal(value) if isinstance(value, str) else repr(value)


def _docstring(text: str) -> str:
    """One sentence that fits into a line."""
    plain = _safe(text).strip()
    first = re.split(r"(?<=[.!?])\s", plain, maxsplit=1)[0]
    short = textwrap.shorten(first, WIDTH - 16, placeholder="")
    short = (short or first[: WIDTH - 16]).rstrip(" .")
    return f"{short[:1].upper()}{short[1:]}."
