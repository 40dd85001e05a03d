from pathlib import Path

import pytest

from harness.budgets.model import Target
from harness.errors import TargetError
from harness.observe.command import (
    absolute,
    address,
    further_ports,
    instance,
    on_port,
    running_metrics,
    split_command,
)


def test_port_is_filled_into_all_texts() -> None:
    target = Target(
        url="http://127.0.0.1:{port}",
        command="serve --port {port} --json '{\"a\": 1}'",
        ready="http://127.0.0.1:{port}/ready",
        metrics=("/metrics", "http://127.0.0.1:{port}/other"),
        environment={"PORT": "{port}", "OTHER": "1"},
        directory=Path("x"),
    )

    assert on_port(target, 8123) == Target(
        url="http://127.0.0.1:8123",
        command="serve --port 8123 --json '{\"a\": 1}'",
        ready="http://127.0.0.1:8123/ready",
        metrics=("/metrics", "http://127.0.0.1:8123/other"),
        environment={"PORT": "8123", "OTHER": "1"},
        directory=Path("x"),
    )


def test_further_ports_are_filled_into_all_texts() -> None:
    target = Target(
        url="http://127.0.0.1:{port}",
        command="serve --port {port} --admin {port3}",
        metrics=("http://127.0.0.1:{port2}/metrics",),
        environment={"METRICS_PORT": "{port2}", "JSON": "{port10}"},
    )
    assert further_ports(target) == ["2", "3"]
    filled = on_port(target, 8000, {"2": 9000, "3": 9001})
    assert filled.command == "serve --port 8000 --admin 9001"
    assert filled.metrics == ("http://127.0.0.1:9000/metrics",)
    assert filled.environment == {"METRICS_PORT": "9000", "JSON": "{port10}"}


def test_metrics_of_a_running_service() -> None:
    target = Target(
        url="", metrics=("/metrics", "http://h:{port}/x"), exporters=("http://db:9187/metrics",)
    )
    assert running_metrics(target, "http://h:8000/base") == (
        "http://h:8000/base/metrics",
        "http://h:8000/x",
        "http://db:9187/metrics",
    )


WORDS = {
    "plain words": ("uvicorn app:main --port 80", ["uvicorn", "app:main", "--port", "80"]),
    "quotes": ("a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]),
    "operators in quotes": (
        "find . -name 'a;b' \"&&\" \\;",
        ["find", ".", "-name", "a;b", "&&", ";"],
    ),
    "an explicit shell": ("sh -c 'a && b > c'", ["sh", "-c", "a && b > c"]),
    "an assignment that is an argument": ("env A=1 serve", ["env", "A=1", "serve"]),
}


@pytest.mark.parametrize(("command", "expected"), WORDS.values(), ids=WORDS)
def test_command_is_split_like_in_a_shell(command: str, expected: list[str]) -> None:
    assert split_command(command) == expected


REFUSED = {
    "two commands": ("a && b", "'&&', which only a shell", "sh -c 'a && b'"),
    "a pipe": ("a | b", "'|', which only a shell", "sh -c"),
    "a redirection": ("a > file", "'>', which only a shell", "sh -c"),
    "a background job": ("a &", "'&', which only a shell", "sh -c"),
    "a substitution": ("a $(b)", "which only a shell", "sh -c"),
    "a variable before the command": (
        "A=1 b",
        "'A=1', which only a shell",
        "write `env A=1 b`, or put variables under target.environment",
    ),
    "quotes that do not match": ("a 'b", "No closing quotation", "quotes"),
    "nothing": ("  ", "is empty", "leave it out"),
}


@pytest.mark.parametrize(("command", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_command_that_needs_a_shell_is_refused_with_a_hint(
    command: str, message: str, hint: str
) -> None:
    with pytest.raises(TargetError) as caught:
        split_command(command)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("url", "path", "expected"),
    [
        ("http://h:1", "/metrics", "http://h:1/metrics"),
        ("http://h:1/base", "/metrics", "http://h:1/base/metrics"),
        ("http://h:1", "metrics?x=1", "http://h:1/metrics?x=1"),
        ("http://h:1", "/", "http://h:1/"),
        ("http://h:1", "https://other/metrics", "https://other/metrics"),
    ],
)
def test_path_is_appended_to_the_url(url: str, path: str, expected: str) -> None:
    assert absolute(url, path) == expected


@pytest.mark.parametrize(
    ("url", "host", "port", "label"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000, "127.0.0.1:8000"),
        ("http://localhost/x", "localhost", 80, "localhost:80"),
        ("https://example.org", "example.org", 443, "example.org:443"),
        ("http://[::1]:8000", "::1", 8000, "[::1]:8000"),
        ("http://my_app:80", "my_app", 80, "my_app:80"),
        ("http://bücher.example.", "bücher.example.", 80, "bücher.example.:80"),
    ],
)
def test_address_of_a_url(url: str, host: str, port: int, label: str) -> None:
    assert address(url) == (host, port)
    assert instance(url) == label


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:8000", "http://h:x", "http://h:99999", "ftp://h", ""),
        *("http://.example.org", "http://a..b:8000", f"http://{'a' * 64}.org"),
    ],
)
def test_url_without_an_address_is_refused(url: str) -> None:
    with pytest.raises(TargetError, match="is not an HTTP URL"):
        address(url)
