"""One readable value for a JSON Schema: the same for the same schema.

Libraries that generate data for tests (hypothesis-jsonschema, Schemathesis, jsf) draw random
values: valid, but nothing that a person keeps in a locustfile. jsf also passes over examples.
Only a text for a pattern that no usual text matches comes from a library, rstr.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from harness.init.document import References
from harness.init.model import CannotCall, ExampleValue
from harness.init.scalars import (
    LONGEST,
    as_list,
    is_text,
    keeps_limits,
    made_unique,
    mapping,
    number_for,
    text_for,
    type_of,
    whole,
)

_DEEPEST: Final = 12  # levels of nesting
_MOST_ITEMS: Final = 20  # of an array
_MOST_VALUES: Final = 2000  # in one example
# Keywords of schemas whose values cannot be changed a little.
_NOT_VARIED: Final = frozenset({"anyOf", "oneOf", "not", "const", "pattern", "format"})
_BASES: Final = ("anyOf", "oneOf", "allOf")


class ExampleMaker:
    """Makes values for the schemas of one document.

    Args:
        references: Of the document.
    """

    def __init__(self, references: References) -> None:
        self._references = references
        self._left = _MOST_VALUES

    def value(self, schema: Any, name: str = "", *, unique: bool = False) -> ExampleValue:
        """One value that the schema accepts.

        Examples of the schema come first, then its default, its constant and the first of its
        enumeration, then a value by its format, its limits and its name.

        Args:
            schema: A JSON Schema as OpenAPI 3.0, 3.1 or Swagger 2 has it.
            name: Of the property or the parameter.
            unique: Whether texts that are usually unique (an e-mail address, a user name) differ in
                each request.

        Raises:
            CannotCall: No value can be made.
        """
        self._left = _MOST_VALUES
        return self._value(schema, name, unique, 0)

    def patch(self, schema: Any) -> ExampleValue:
        """As `value`, with one property at least: for a request that changes something."""
        made = self.value(schema)
        if made == {}:
            schema = self._merged(schema)
            for name, part in self._properties(schema):
                try:
                    return {name: self._value(part, name, False, 1)}
                except CannotCall:
                    continue
        return made

    def _value(self, schema: Any, name: str, unique: bool, depth: int) -> ExampleValue:
        self._left -= 1
        if depth > _DEEPEST:
            raise CannotCall("its schema contains itself, or is nested too deeply")
        if self._left < 0:
            raise CannotCall("an example of its schema would be too large")
        schema = self._merged(schema)
        if (given := _given(schema)) is not None:
            return made_unique(given, schema, name) if unique else given
        for key in ("oneOf", "anyOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                return self._alternative(schema, key, name, unique, depth)
        return self._typed(schema, name, unique, depth)

    def _typed(
        self, schema: Mapping[str, Any], name: str, unique: bool, depth: int
    ) -> ExampleValue:
        """A value by type, limits and name."""
        kind = type_of(schema)
        if kind == "object":
            return self._object(schema, unique, depth)
        if kind == "array":
            return self._array(schema, name, unique, depth)
        if kind in {"integer", "number"}:
            return number_for(schema, name)
        if kind in {"boolean", "null"}:
            return True if kind == "boolean" else None
        text = text_for(schema, name)
        return made_unique(text, schema, name) if unique else text

    def _merged(self, schema: Any, depth: int = 0) -> Mapping[str, Any]:
        """A schema with its references followed and its `allOf` in it."""
        found = self._references.follow(schema)
        if found is False:
            raise CannotCall("its schema accepts nothing")
        if not isinstance(found, Mapping):
            return {}
        parts = found.get("allOf")
        if not isinstance(parts, list):
            return found
        if depth > _DEEPEST:
            raise CannotCall("its schema contains itself, or is nested too deeply")
        merged: dict[str, Any] = {}
        own = {key: value for key, value in found.items() if key != "allOf"}
        for part in [*(self._merged(one, depth + 1) for one in parts), own]:
            properties = {**mapping(merged.get("properties")), **mapping(part.get("properties"))}
            required = [*as_list(merged.get("required")), *as_list(part.get("required"))]
            merged |= part
            if properties:
                merged["properties"] = properties
            if required:
                merged["required"] = list(dict.fromkeys(filter(is_text, required)))
        return merged

    def _alternative(
        self, schema: Mapping[str, Any], key: str, name: str, unique: bool, depth: int
    ) -> ExampleValue:
        """A value for the first alternative that has one; null last."""
        base = {k: v for k, v in schema.items() if k not in _BASES}
        problem = CannotCall("its schema has no alternative with an example")
        nulls: list[None] = []
        for part in schema[key]:
            try:
                value = self._value({**base, "allOf": [part]}, name, unique, depth + 1)
            except CannotCall as error:
                problem = error
                continue
            if value is not None:
                return value
            nulls.append(None)
        if nulls:
            return None
        raise problem

    def _properties(self, schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The properties that a request may have."""
        for name, part in mapping(schema.get("properties")).items():
            if is_text(name) and not self._described(part).get("readOnly"):
                yield name, part

    def _described(self, part: Any) -> Mapping[str, Any]:
        """A schema with its reference followed; an empty one where it leads nowhere."""
        try:
            return self._references.mapping(part)
        except CannotCall:
            return {}

    def _object(self, schema: Mapping[str, Any], unique: bool, depth: int) -> ExampleValue:
        required = set(filter(is_text, as_list(schema.get("required"))))
        properties = dict(self._properties(schema))
        hidden = set(mapping(schema.get("properties"))) - set(properties)
        made = {}
        for name, part in properties.items():
            if name in required or _shown(self._described(part)):
                made[name] = self._value(part, name, unique, depth + 1)
        for name in sorted(required - set(made) - hidden):
            made[name] = self._value(
                schema.get("additionalProperties", {}), name, unique, depth + 1
            )
        fewest = whole(schema.get("minProperties"), 0)
        further = schema.get("additionalProperties", {})
        for name, part in properties.items():
            if len(made) < fewest and name not in made:
                made[name] = self._value(part, name, unique, depth + 1)
        for number in range(min(fewest - len(made), _MOST_ITEMS)):
            made[f"key{number + 1}"] = self._value(further, "", unique, depth + 1)
        return made

    def _array(
        self, schema: Mapping[str, Any], name: str, unique: bool, depth: int
    ) -> ExampleValue:
        fewest, most = whole(schema.get("minItems"), 0), whole(schema.get("maxItems"), 1)
        wanted = max(fewest, min(1, most))
        if wanted > _MOST_ITEMS:
            raise CannotCall(f"its schema needs an array of {wanted} items")
        prefix = as_list(schema.get("prefixItems"))
        items = schema.get("items", {})
        made: list[ExampleValue] = []
        for number in range(max(wanted, min(len(prefix), most if most > 1 else len(prefix)))):
            part = prefix[number] if number < len(prefix) else items
            try:
                value = self._value(part, name, unique, depth + 1)
            except CannotCall:
                if len(made) >= fewest:
                    break
                raise
            made.append(self._further(part, value, made) if schema.get("uniqueItems") else value)
        return made

    def _further(self, part: Any, value: ExampleValue, made: list[ExampleValue]) -> ExampleValue:
        """A value that the array does not have yet."""
        if value not in made:
            return value
        schema = self._merged(part)
        if "enum" in schema:
            candidates = [one for one in as_list(schema["enum"]) if one not in made]
            if candidates:
                return candidates[0]
            raise CannotCall("its schema needs an array of different items")
        plain = not _NOT_VARIED & set(schema)
        if plain and isinstance(value, int | float) and not isinstance(value, bool):
            step = schema.get("multipleOf", 1)
            further = max(one for one in made if isinstance(one, int | float)) + step
            if keeps_limits(further, schema):
                return further
        if plain and isinstance(value, str):
            changed = f"{value[:-1]}{len(made) + 1}"
            if value and len(changed) <= whole(schema.get("maxLength"), LONGEST):
                return changed
        raise CannotCall("its schema needs an array of different items")


def _shown(schema: Mapping[str, Any]) -> bool:
    """Whether the author of the schema shows a value."""
    return "example" in schema or bool(schema.get("examples"))


def _given(schema: Mapping[str, Any]) -> ExampleValue | None:
    """The value that a schema has itself; None without one."""
    examples = schema.get("examples")
    if isinstance(examples, Mapping):
        examples = [mapping(one).get("value") for one in examples.values()]
    candidates = [schema.get("example"), *as_list(examples)[:1], schema.get("default")]
    candidates += [schema.get("const"), *as_list(schema.get("enum"))]
    return next((one for one in candidates if one is not None and _plain(one)), None)


def _plain(value: Any) -> bool:
    """Whether a value of the document is JSON of a usual size.

    YAML also has dates and numbers without end, and its aliases make small texts huge values.
    """
    left, waiting = _MOST_VALUES, [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        left -= 1
        if left < 0 or depth > _DEEPEST or not _plain_alone(one):
            return False
        if isinstance(one, Mapping):
            waiting += [(inner, depth + 1) for inner in one.values()]
        elif isinstance(one, list):
            waiting += [(inner, depth + 1) for inner in one]
    return True


def _plain_alone(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(is_text, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int | list)
