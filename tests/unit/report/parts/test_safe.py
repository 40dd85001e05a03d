"""Hostile text in each medium."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.parts.safe import (
    LONGEST,
    clean,
    code,
    lines,
    prose,
    terminal,
    without_credentials,
    xml,
)
from tests.unit.report.strategies import TEXTS

HOSTILE = st.text(
    st.sampled_from(
        "\x1b[31m\x9b\x07\r\n\t :#%0Aerroset-utpv[]|`<>&@\u202e\u2028\u00a0\u3000\ufeff\ud800é世"
    ),
    max_size=40,
)
ANY = TEXTS | HOSTILE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", ": :error::x"),
        ("a\n \u00a0\t::set-output name=a::b", "a\n \u00a0    : :set-output name=a::b"),
        ("a ::error::x", "a ::error::x"),
        ("a##[error]x", "a# #[error]x"),
        ("##vso[task.setvariable]x", "# #vso[task.setvariable]x"),
        ("##teamcity[x]", "# #teamcity[x]"),
        ("::1 is an address", ": :1 is an address"),
        ("## a heading", "## a heading"),
        ("a%0A::error::x", "a%0A::error::x"),
        ("\x1b[2J\x1b]0;title\x07a\rb\x9bm\u2028c", "[2J]0;titleabmc"),
        ("x" * 3000, "x" * 999 + "..." + "x" * 998),
        ("a\n\n  b\n", "a\n\n  b\n"),
    ],
    ids=ascii,
)
def test_text_on_a_terminal(text: str, shown: str) -> None:
    assert terminal(text) == shown


def test_styles_of_a_report_stay_and_hide_no_command() -> None:
    assert terminal("\x1b[1;31mFAIL\x1b[0m a\x1b[2J", styled=True) == "\x1b[1;31mFAIL\x1b[0m a[2J"
    assert terminal("\x1b[1m::error::x", styled=True) == "\x1b[1m: :error::x"
    assert terminal("\x1b[31mred") == "[31mred"


@given(ANY, st.booleans())
def test_no_line_on_a_terminal_is_a_command_or_controls_it(text: str, styled: bool) -> None:
    shown = terminal(text, styled=styled)
    plain = re.sub("\x1b\\[[0-9;]*m", "", shown) if styled else shown
    assert plain.count("\n") == text.count("\n")
    for line in plain.split("\n"):
        assert not line.lstrip().startswith("::")  # as the runner of GitHub looks for a command
        assert "##[" not in line
        assert len(line.splitlines()) <= 1
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line)
        assert styled or len(line) <= LONGEST
    plain.encode()


@given(ANY)
def test_lines_keep_their_indentation(text: str) -> None:
    shown = lines(text)
    assert len(shown) == len(text.splitlines())
    assert all(len(line.splitlines()) <= 1 for line in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a](http://b)", "\\[a\\](http:&#8203;//b)"),
        ("![a](https://b)", "!\\[a\\](https:&#8203;//b)"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("@team", "@&#8203;team"),
        ("#1", "\\#&#8203;1"),
        ("www.evil.example", "www&#8203;.evil.example"),
        ("a|b `c` *d* _e_ ~f~ $g$ \\", "a\\|b \\`c\\` \\*d\\* \\_e\\_ \\~f\\~ \\$g\\$ \\\\"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
    ],
)
def test_text_in_markdown(text: str, shown: str) -> None:
    assert prose(text) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("GET /items", "`GET /items`"),
        ("a`b", "<code>a&#96;b</code>"),
        ("a|b", "<code>a&#124;b</code>"),
        ("<b>@x", "<code>&#60;b&#62;&#64;x</code>"),
    ],
)
def test_name_in_markdown(name: str, shown: str) -> None:
    assert code(name) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:secret@host:8/a@b", "http://host:8/a@b"),
        ("http://me:sec@ret@host", "http://host"),
        ("http://host?mail=a@b", "http://host?mail=a@b"),
        ("run --a pg://me:s@x@db/n --b http://you@h", "run --a pg://db/n --b http://h"),
        ("mail me@host", "mail me@host"),
    ],
)
def test_text_without_credentials(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@given(ANY)
def test_text_in_xml_is_read_back(text: str) -> None:
    element = ET.Element("a", {"b": xml(clean(text))})
    element.text = xml(text)
    read = ET.fromstring(ET.tostring(element, encoding="unicode"))
    assert read.get("b") == xml(clean(text))
    assert (read.text or "") == re.sub("\r\n?", "\n", xml(text))
