"""The secret of master and workers: which one is good enough, and where it comes from."""

import stat
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.load.worker_secret import (
    MAKE,
    MAX_BYTES,
    SECRET,
    checked,
    generated_secret,
    is_loopback,
    read_secret,
)

HEX = "0123456789abcdef" * 2
BASE64 = "Zm9yIHRlc3RzIG9ubHkhIQ"  # 22 characters


@pytest.mark.parametrize("text", [HEX, HEX.upper(), HEX * 2, BASE64, f"  {BASE64}==\n"])
def test_secret_of_128_bits_is_accepted_without_white_space_around_it(text: str) -> None:
    assert checked(text, "a file") == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        HEX[:-1],  # 124 bits
        BASE64[:-1],  # 126 bits
        "password",
        "0" * 64,
        "changeme" * 4,
        f"{HEX}\n{HEX}",
        f"{BASE64}\x00",
    ],
    ids=repr,
)
def test_weak_secret_is_refused_with_the_rule_and_a_command(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        checked(text, "worker.secret")
    assert "worker.secret is too weak" in refusal.value.message
    assert "at least 32 hexadecimal digits or 22 other characters" in refusal.value.message
    assert "openssl rand -hex 32" in refusal.value.hint
    if text.strip():
        assert text.strip() not in f"{refusal.value.message} {refusal.value.hint}"


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.touch()
    path.chmod(mode)
    path.write_text(text)
    return path


def test_file_takes_precedence_and_the_environment_loses_its_secret(tmp_path: Path) -> None:
    environment = {SECRET: BASE64, "HOME": "/"}
    assert read_secret(write(tmp_path / "s", f"{HEX}\n"), environment) == HEX
    assert environment == {"HOME": "/"}


def test_secret_of_the_environment_is_removed_from_it() -> None:
    environment = {SECRET: BASE64}
    assert read_secret(None, environment) == BASE64
    assert environment == {}
    assert read_secret(None, environment) is None


def test_empty_secret_of_the_environment_is_refused_not_ignored() -> None:
    with pytest.raises(UsageError, match=f"the secret in {SECRET} is too weak"):
        read_secret(None, {SECRET: ""})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_own_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "s", HEX, mode)
    with pytest.raises(UsageError, match="can be read by other users") as refusal:
        read_secret(path, {})
    assert refusal.value.hint == f"Run: chmod 600 {path}"


def test_mode_of_a_file_of_another_user_is_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mounted secret belongs to root, and its mode is that of the mount."""
    path = write(tmp_path / "s", HEX, 0o444 | stat.S_IWUSR)
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    assert read_secret(path, {}) == HEX


@pytest.mark.parametrize("content", [None, b"\xff" * 40, b"a1" * MAX_BYTES])
def test_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "s"
    if content is not None:
        write(path, "").write_bytes(content)
    with pytest.raises(UsageError, match=str(path)) as caught:
        read_secret(path, {})
    assert caught.value.hint == f"Make one with: {MAKE}"


def test_generated_secret_is_strong_private_new_and_removed() -> None:
    with generated_secret() as (secret, path), generated_secret() as (other, _):
        assert checked(secret, "") == secret != other
        assert read_secret(path, {}) == secret
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("*", False),
        ("10.0.0.5", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback_addresses(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
