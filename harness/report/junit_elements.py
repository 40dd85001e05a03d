"""The elements that every junit.xml is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from harness.report.wording import clean

# All that XML 1.0 allows (https://www.w3.org/TR/xml/#charsets), less the control characters C1.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(root: ET.Element) -> str:
    """The whole file."""
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def element(tag: str, attributes: dict[str, str] | None = None, text: str = "") -> ET.Element:
    """An element in which any text is legal."""
    # Attributes are names and one-line facts: a host may show a newline in them as it likes.
    one_line = {name: _legal(clean(value)) for name, value in (attributes or {}).items()}
    result = ET.Element(tag, one_line)
    result.text = _legal(text) or None
    return result


def properties(values: dict[str, str]) -> ET.Element:
    """Names with their values; those without a value are left out."""
    result = element("properties")
    for name, value in values.items():
        if value:
            result.append(element("property", {"name": name, "value": value}))
    return result


def count(cases: Iterable[ET.Element], tag: str) -> int:
    """How many testcases have such a child."""
    return sum(case.find(tag) is not None for case in cases)


def seconds(value: float) -> str:
    """A time, as an attribute has it."""
    return f"{value:.3f}"


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("", text)
