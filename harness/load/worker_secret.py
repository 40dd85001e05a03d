"""The secret that a master and its workers share, from a file or the environment."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness.errors import UsageError, why_unreadable

SECRET: Final = "HARNESS_WORKER_SECRET"  # noqa: S105 - the name of an environment variable
MAKE: Final = "(umask 077; openssl rand -hex 32 > worker.secret)"
MAX_BYTES: Final = 4096
_HEX_DIGITS = 32  # 128 bits
_CHARACTERS = 22  # 128 bits in base64
_DIFFERENT = 8  # of 32 random hexadecimal digits, fewer differ once in 10 million times


def read_secret(file: Path | None, environment: MutableMapping[str, str]) -> str | None:
    """The shared secret; None if there is none.

    Args:
        file: Its file, which takes precedence over the environment.
        environment: The environment of this process. The secret is removed from it, so that no
            process that this one starts inherits it.

    Raises:
        UsageError: The file cannot be read or is open to other users, or the secret is too short.
    """
    given = environment.pop(SECRET, None)
    if file is not None:
        return checked(_read(file), str(file))
    return None if given is None else checked(given, SECRET)


def checked(text: str, source: str) -> str:
    """A secret without white space around it.

    Raises:
        UsageError: It has less than 128 bits.
    """
    secret = text.strip()
    long_enough = len(secret) >= (
        _HEX_DIGITS if re.fullmatch("[0-9a-fA-F]*", secret) else _CHARACTERS
    )
    if long_enough and secret.isprintable() and len(set(secret)) >= _DIFFERENT:
        return secret
    raise UsageError(
        f"the secret in {source} is too weak: a secret of 128 bits has at least {_HEX_DIGITS} "
        f"hexadecimal digits or {_CHARACTERS} other characters, in one line, at least "
        f"{_DIFFERENT} of them different",
        f"Make one with: {MAKE}",
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def generated_secret() -> Iterator[tuple[str, Path]]:
    """A new secret and its file, which only this user can read; removed with the context."""
    with tempfile.TemporaryDirectory(prefix="harness-") as folder:
        secret, path = secrets.token_hex(32), Path(folder) / "worker.secret"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secret}\n")
        yield secret, path


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MAX_BYTES + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the secret cannot be read from {path}: {why_unreadable(error)}",
            f"Make one with: {MAKE}",
        ) from error
    # Like ssh: the mode of a file of another user, e.g. of a mounted secret, is not ours to set.
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
        raise UsageError(
            f"{path} can be read by other users of this machine", f"Run: chmod 600 {path}"
        )
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"{path} is no secret: it has over {MAX_BYTES} bytes", f"Make one with: {MAKE}"
        )
    return text
