"""Text from outside, made harmless for each medium in which it is shown.

From outside are the texts of the service (log lines, metrics, answers), of locustfiles (names of
requests, exceptions), of other tools, and of budgets.yaml. JSON and HTML need nothing from here:
their writers escape every text.
"""

from __future__ import annotations

import re

LONGEST = 2000  # characters of a line on a terminal
NAME = 120  # characters shown of a name in Markdown

# Characters that control a terminal, reorder the text around them, cannot be seen or not encoded.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_STYLE = re.compile("(\x1b\\[[0-9;]*m)")  # colour and weight, by rich
# What GitHub Actions, Azure Pipelines and TeamCity take as commands in the log of a job. The runner
# of GitHub ignores white space before "::", and finds "##[" anywhere.
_COMMAND = re.compile("^((?:\\s|\x1b\\[[0-9;]*m)*):(?=:)|#(?=#\\w*\\[)")
# All but what XML 1.0 allows (https://www.w3.org/TR/xml/#charsets), and the control characters C1.
_NOT_XML = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = str.maketrans(_DATA | {":": "%3A", ",": "%2C"})
_MESSAGE = str.maketrans(_DATA)
_EMPTY = "&#8203;"  # nothing that is seen; ends what GitHub would link
_MARKUP = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]~|$"}
    | {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    # A mention would notify a person, a number link to an issue.
    | {"@": f"@{_EMPTY}", "#": f"\\#{_EMPTY}"}
)
_ADDRESS = re.compile(r"(?i)(?<=:)(?=//)|(?<=\bwww)(?=\.)")
# What URLs have before the host. A password may contain "@".
_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]+@")
_PLAIN_CODE = re.compile(r"[^\s<>&|`\\$@]+( [^\s<>&|`\\$@]+)*")


def clean(text: str, limit: int = 0) -> str:
    """Text on one line, without control characters.

    Args:
        text: Any text, such as a name or the message of an exception.
        limit: The maximum number of characters; "..." replaces the middle, because long names
            differ at their ends. 0 is no limit.
    """
    return _cut(_CONTROL.sub("", " ".join(text.split())), limit)


def lines(text: str, limit: int = LONGEST) -> list[str]:
    """The lines of a text, each without control characters, with its indentation."""
    return [_line(line, limit) for line in text.splitlines()]


def terminal(text: str, *, styled: bool = False) -> str:
    """Text for a terminal, or for the log of a CI job.

    Control characters are left out, long lines are cut, and what a CI host would take as a command
    is broken by a space.

    Args:
        text: Lines.
        styled: Whether the codes of colours stay; for a text whose parts are clean.
    """
    return "\n".join(_harmless(line, styled=styled) for line in text.split("\n"))


def workflow_message(text: str) -> str:
    """The message of a workflow command of GitHub; line feeds stay line feeds."""
    return text.translate(_MESSAGE)


def workflow_property(text: str) -> str:
    """The value of a property of a workflow command of GitHub."""
    return text.translate(_PROPERTY)


def without_credentials(text: str) -> str:
    """Text, such as a command, whose URLs have no user and no password."""
    return _CREDENTIALS.sub("", text)


def xml(text: str) -> str:
    """Text that XML 1.0 can hold; its writer escapes the mark-up."""
    return _NOT_XML.sub("", text)


def prose(text: str) -> str:
    """Text in which no character acts as mark-up, and nothing becomes a link or a mention."""
    return _ADDRESS.sub(_EMPTY, text.translate(_MARKUP))


def code(name: str, limit: int = NAME) -> str:
    """A name as code, without any mark-up, mention or link in it.

    Args:
        name: A name, or another text.
        limit: The maximum number of characters; see `clean`.
    """
    name = clean(name, limit)
    if _PLAIN_CODE.fullmatch(name):
        return f"`{name}`"
    # Character references, because `|` in a table and backticks end code in backticks.
    shown = "".join(c if c.isalnum() or c in " -" else f"&#{ord(c)};" for c in name)
    return f"<code>{shown}</code>"


def _harmless(line: str, *, styled: bool) -> str:
    if styled:
        parts = _STYLE.split(line)  # text and styles in turn
        line = "".join(part if i % 2 else _line(part, 0) for i, part in enumerate(parts))
    else:
        line = _line(line, LONGEST)
    return _COMMAND.sub(lambda match: f"{match[0]} ", line)


def _line(text: str, limit: int) -> str:
    return _cut(_CONTROL.sub("", text.replace("\t", "    ")), limit)


def _cut(line: str, limit: int) -> str:
    """At most `limit` characters of a line."""
    if not limit or len(line) <= limit:
        return line
    head = (limit - 3 + 1) // 2
    return f"{line[:head]}...{line[len(line) - (limit - 3 - head) :]}"
