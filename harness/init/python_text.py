"""Python expressions as text, laid out as formatters do: one line, or one argument a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote

from harness.init.functions import local_name
from harness.init.model import PARAMETER, ExampleValue, PooledId, Unique

WIDTH = 88  # columns, the default of the usual formatters


@dataclass(frozen=True, slots=True)
class CallText:
    """A call: its function, and its arguments with their keywords (empty for a positional one)."""

    function: str
    arguments: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class DictText:
    """A dictionary with entries of key and value, or of `**` and a mapping."""

    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class ListText:
    """A list."""

    items: tuple[Node, ...]


Node: TypeAlias = str | CallText | DictText | ListText


def text_literal(text: str) -> str:
    """A string literal, in double quotes unless single ones need fewer escapes."""
    mark = "'" if text.count('"') > text.count("'") else '"'
    made = []
    for one in text:
        if one in {mark, "\\"}:
            made.append(f"\\{one}")
        elif one.isprintable():
            made.append(one)
        else:
            made.append(one.encode("unicode_escape", "surrogatepass").decode("ascii"))
    return f"{mark}{''.join(made)}{mark}"


def node(value: ExampleValue) -> Node:
    """A value of an example as an expression."""
    if isinstance(value, Unique):
        return unique_literal(value)
    if isinstance(value, PooledId):
        return local_name(value.name)
    if isinstance(value, Mapping):
        return DictText(tuple((text_literal(key), node(one)) for key, one in value.items()))
    if isinstance(value, list | tuple):
        return ListText(tuple(map(node, value)))
    return text_literal(value) if isinstance(value, str) else repr(value)


def unique_literal(value: Unique) -> str:
    """An f-string, or a call, that gives another text each time."""
    if value.uuid:
        return "str(uuid4())"
    return f'f"{_braced(value.before)}{{uuid4().hex[:8]}}{_braced(value.after)}"'


def path_literal(path: str, expressions: Mapping[str, str]) -> str:
    """A path as a literal, or as an f-string with expressions for its parameters.

    Args:
        path: The route template.
        expressions: For each parameter an expression, or its value as `=VALUE`.
    """
    made, end = [], 0
    for match in PARAMETER.finditer(path):
        made.append(_braced(_quoted(path[end : match.start()])))
        expression = expressions[match.group(1)]
        fixed = expression.startswith("=")
        made.append(quote(expression[1:], safe="") if fixed else f"{{{expression}}}")
        end = match.end()
    made.append(_braced(_quoted(path[end:])))
    if all(one.startswith("=") for one in expressions.values()):
        return text_literal("".join(made).replace("{{", "{").replace("}}", "}"))
    return f'f"{"".join(made)}"'


def _quoted(text: str) -> str:
    """A part of a path in which every character is allowed."""
    return quote(text, safe="/:@!$&()*+,;=~-._%{}'")


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def flat(expression: Node) -> str:
    """An expression on one line."""
    match expression:
        case CallText(function, arguments):
            return f"{function}({', '.join(_keyed(key, flat(one)) for key, one in arguments)})"
        case DictText(entries):
            return f"{{{', '.join(_entry(key, flat(one)) for key, one in entries)}}}"
        case ListText(items):
            return f"[{', '.join(map(flat, items))}]"
        case _:
            return expression


def lay_out(before: str, expression: Node, indent: int, after: str = "") -> list[str]:
    """The lines of an expression.

    Args:
        before: What stands before it on its first line, without the indentation.
        expression: The expression.
        indent: Columns before the first line.
        after: What stands after it on its last line.
    """
    line = f"{' ' * indent}{before}{flat(expression)}{after}"
    parts = _parts(expression)
    if len(line) <= WIDTH or not parts:
        return [line]
    opening, closing, inner = parts
    lines = [f"{' ' * indent}{before}{opening}"]
    for start, one in inner:
        lines += lay_out(start, one, indent + 4, ",")
    return [*lines, f"{' ' * indent}{closing}{after}"]


def _parts(expression: Node) -> tuple[str, str, Sequence[tuple[str, Node]]] | None:
    """Opening and closing text, and what stands between; None for what cannot be divided."""
    match expression:
        case CallText(function, arguments) if arguments:
            return f"{function}(", ")", [(_keyed(key, ""), one) for key, one in arguments]
        case DictText(entries) if entries:
            return "{", "}", [(_entry(key, ""), one) for key, one in entries]
        case ListText(items) if items:
            return "[", "]", [("", one) for one in items]
        case _:
            return None


def _keyed(key: str, text: str) -> str:
    return f"{key}={text}" if key else text


def _entry(key: str, text: str) -> str:
    return f"{key}{text}" if key == "**" else f"{key}: {text}"
