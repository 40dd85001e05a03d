"""YAML text to plain mappings, lists and texts, with the line of each.

YAML 1.1 guesses types from spelling: `on` is a boolean, `12:30` is 750, `1_000` is a number. Here
every scalar keeps the text of the file, and the type of its field decides how it is read, so none
of these guesses can change a bound.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TypeAlias

import yaml

from harness.budgets.parse.problems import Place, Problems, closest

Value: TypeAlias = "dict[str, Value] | list[Value] | str | None"

_MERGE = "tag:yaml.org,2002:merge"
_STANDARD = "tag:yaml.org,2002:"
_KNOWN_TAGS = frozenset(
    _STANDARD + name
    for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value")
)
_NULLS = ("", "~", "null", "Null", "NULL")
_MOST_VALUES = 20_000  # aliases of aliases can make a short file endless
_MOST_LEVELS = 20  # a valid file has at most 9
_ADVICE = {  # by a part of what PyYAML says
    "levels of nesting": "remove the inner ones",
    "'\\t'": "indent with spaces",
    "cannot start any token": "put the text into quotes",
    "mapping values are not allowed": "check the indent, and the space after each colon",
    "quoted scalar that began": "close the quotes",
    "unknown escape character": "write \\\\ for a backslash, or use single quotes",
    "expected a single document": "remove the second ---",
    "expected '<document start>'": "remove what stands outside of the document",
    "incompatible YAML document": "remove the directive",
    "undefined alias": "write its anchor, &name, before it",
    "tag handle": "remove the tag",
    "an anchor": "write a name after &",
    "an alias": "write a name after *",
    "flow sequence": "add the comma or close the bracket",
    "flow mapping": "add the comma or close the brace",
    "block mapping": "check the indent, brackets and braces up to here",
    "block collection": "check the indent, brackets and braces up to here",
}
_VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_]\w*)(:-|\}))?", re.ASCII)  # how it begins
_NO_VARIABLE = "`${` opens no variable; write ${NAME}, ${NAME:-default} or $${ for a `${`"
_BRACE = re.compile(r"[{}]")


class _EndlessError(Exception):
    """Aliases expand the file to too many values."""


class _Loader(yaml.SafeLoader):
    """Refuses a file that is nested more deeply than any valid one."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node with those within it."""
        if self.depth > _MOST_LEVELS:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            text = f"more than {_MOST_LEVELS} levels of nesting"
            raise yaml.composer.ComposerError(None, None, text, mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def read(
    text: str,
    environment: Mapping[str, str],
    problems: Problems,
    only: Collection[str] | None = None,
) -> dict[str, Value]:
    """Read the whole file.

    `${VAR}` and `${VAR:-default}` in values are replaced (the default also stands in for an empty
    variable, as in a shell, and may hold variables and pairs of braces such as `{port}`); `$${` is
    a literal `${`. Anchors, aliases and `<<` merges work. Keys
    of the top level without a value are dropped.

    Args:
        text: The file's content.
        environment: The variables.
        problems: Takes the mistakes: syntax, duplicate keys, unset variables, empty values.
        only: Names of the sections that are read; None reads all.

    Returns:
        The top-level mapping; empty when the file cannot be read at all.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        _syntax(error, text, problems)
        return {}
    except yaml.reader.ReaderError as error:
        problems.lines[()] = text.count("\n", 0, error.position) + 1
        problems.add((), f"not YAML: {error.reason} ({chr(error.character)!r}); remove it")
        return {}
    if not isinstance(root, yaml.MappingNode):
        what = "is empty" if root is None else "holds no mapping"
        problems.add((), f"the file {what}; it starts with `version: 1`")
        return {}
    if only is not None:
        root.value = [(key, value) for key, value in root.value if key.value in only]
    try:
        return _Reader(environment, problems).mapping(root, ())
    except _EndlessError:
        text = f"holds more than {_MOST_VALUES} values, aliases counted each time"
        problems.add((), f"{text}; no budgets file needs so many")
        return {}


def _syntax(error: yaml.MarkedYAMLError, text: str, problems: Problems) -> None:
    mark = error.problem_mark or error.context_mark
    line = mark.line if mark else 0
    problems.lines[()] = line + 1
    sentence = error.problem or error.context or "cannot be read"
    if error.context and error.context != sentence:
        began = error.context_mark
        since = f" that began in line {began.line + 1}" if began and began.line != line else ""
        sentence = f"{error.context}{since}, {sentence}"
    lines = text.splitlines()
    if line < len(lines) and re.search(r"\$?\{\w+(:-[^}]*)?\}", lines[line]):
        sentence += '; inside { } put text that holds braces in quotes: "${NAME}"'
    else:
        advice = (text for found, text in _ADVICE.items() if found in sentence)
        sentence += f"; {next(advice, 'correct this line or the one before it')}"
    problems.add((), f"not YAML: {sentence}")


class _Reader:
    """Reads the node graph of YAML; keeps the open nodes and the number of values."""

    def __init__(self, environment: Mapping[str, str], problems: Problems) -> None:
        self._environment = environment
        self._problems = problems
        self._open: list[yaml.Node] = []
        self._values = 0

    def mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Value]:
        """A mapping without its empty entries, which are reported."""
        self._count()
        result: dict[str, Value] = {}
        if self._tagged(node, place):
            return result
        seen: dict[str, int] = {}
        merges = [(key, value) for key, value in node.value if key.tag == _MERGE]
        for number, (key, value) in enumerate(merges):
            if number:
                self._problems.lines[*place, "<<"] = key.start_mark.line + 1
                first = merges[0][0].start_mark.line + 1
                text = f"duplicate key, first in line {first}; merge a list: <<: [*A, *B]"
                self._problems.add((*place, "<<"), text)
            result |= self._merged(value, place)
        for key, value in node.value:
            if key.tag == _MERGE:
                continue
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problems.lines[*place, "?"] = line
                self._problems.add((*place, "?"), "a key must be plain text")
                continue
            here = (*place, key.value)
            self._problems.lines[here] = line
            if problem := _unusable(key.value):
                self._problems.add(here, f"the key {problem}")
                continue
            if key.value in seen:
                self._problems.add(here, f"duplicate key, first in line {seen[key.value]}")
                continue
            seen[key.value] = line
            content = self._value(value, here)
            if content is not None:
                result[key.value] = content
            else:
                result.pop(key.value, None)
        return result

    def _tagged(self, node: yaml.Node, place: Place) -> bool:
        """Whether a node has a tag that is not supported, which is reported."""
        if node.tag in _KNOWN_TAGS:
            return False
        tag = node.tag.replace(_STANDARD, "!!")
        self._problems.lines.setdefault(place, node.start_mark.line + 1)
        self._problems.add(place, f"the YAML tag {tag} is not supported; remove it")
        return True

    def _count(self) -> None:
        self._values += 1
        if self._values > _MOST_VALUES:
            raise _EndlessError

    def _merged(self, node: yaml.Node, place: Place) -> dict[str, Value]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        result: dict[str, Value] = {}
        for part in reversed(parts):  # the first of several wins
            if isinstance(part, yaml.MappingNode) and part not in self._open:
                result |= self._inside(part, place)
            else:
                self._problems.add(place, "`<<` takes a mapping, or a list of mappings")
        return result

    def _inside(self, node: yaml.MappingNode, place: Place) -> dict[str, Value]:
        self._open.append(node)
        result = self.mapping(node, place)
        self._open.pop()
        return result

    def _value(self, node: yaml.Node, place: Place) -> Value:
        self._count()
        if self._tagged(node, place):
            return None
        if any(node is outer for outer in self._open):
            self._problems.add(place, "an alias may not stand inside its own anchor")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        if isinstance(node, yaml.MappingNode):
            return self._inside(node, place)
        self._open.append(node)
        items: list[Value] = []
        for index, item in enumerate(node.value):
            self._problems.lines[*place, index] = item.start_mark.line + 1
            content = self._value(item, (*place, index))
            if content is not None:
                items.append(content)
        self._open.pop()
        return items

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> str | None:
        if node.style is None and node.value in _NULLS:
            if len(place) > 1:
                self._problems.add(place, "is empty; give it a value or remove the key")
            return None
        text = self._replaced(node.value, place)
        if problem := _unusable(text):
            self._problems.add(place, problem)
        return None if self._problems.within(place) else text

    def _replaced(self, text: str, place: Place, level: int = 0) -> str:
        """A text with the values of its variables."""
        made, at = [], 0
        while match := _VARIABLE.search(text, at):
            made.append(text[at : match.start()])
            name, follows = match.groups()
            at = match.end()
            end = _closing_brace(text, at) if follows == ":-" else at
            if match[0] == "$${":
                made.append("${")
            elif name is None or end is None or level > _MOST_LEVELS:
                self._problems.add(place, _NO_VARIABLE)
                if name is not None:
                    return ""
            else:
                default = text[at:end] if follows == ":-" else None
                made.append(self._variable(name, default, place, level))
                at = end if default is None else end + 1
        return "".join(made) + text[at:]

    def _variable(self, name: str, default: str | None, place: Place, level: int) -> str:
        value = self._environment.get(name)
        if default is not None:
            return value or self._replaced(default, place, level + 1)
        if value is None:
            meant = closest(name, self._environment)
            self._problems.add(
                place, f"${{{name}}} is not set; {meant}set it or write ${{{name}:-default}}"
            )
            return ""
        return value


def _closing_brace(text: str, begin: int) -> int | None:
    """Where the brace is that closes one before `begin`; None if none does."""
    depth = 1
    for match in _BRACE.finditer(text, begin):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return match.start()
    return None


def _unusable(text: str) -> str:
    """Why no file, process or report can take a text; empty if all can."""
    if "\0" in text:
        return "holds the character NUL; remove it"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds a character that UTF-8 does not have; remove it"
    return ""
