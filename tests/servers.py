"""Servers as plain processes of the tests, from the programs that are installed."""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 60.0  # seconds; only a hang takes that long
_WORKERS = 8  # of pytest-xdist that have ports of their own
_GIVEN: set[int] = set()
CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = 'postgres' AND pid <> pg_backend_pid()"""
# PostgreSQL's own tools live outside PATH on Debian; the newest version comes first.
FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -float(p.parent.name))


def program(name: str) -> str | None:
    """Where an installed program is; None when it is not installed."""
    return shutil.which(name) or next(
        (found for folder in FOLDERS if (found := shutil.which(name, path=str(folder)))), None
    )


class PostgresqlServer:
    """One PostgreSQL cluster in a folder of its own, on 127.0.0.1 only, without a password.

    It sorts as English does, not by code points: a service that relies on the latter must say so.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._user = _ordinary_user()
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            shutil.chown(folder, self._user, pwd.getpwnam(self._user).pw_gid)
        command = [_required("initdb"), "--no-sync", "--auth=trust", "--username=postgres"]
        sorting = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu"]
        arguments = [*command, *sorting, "--icu-locale=en", str(folder / "data")]
        subprocess.run(
            arguments,
            check=True,
            user=self._user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )

    def start(self) -> None:
        """Begin to serve, with what was stored before."""
        # fmt: off
        options = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
            "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
            "max_connections": 120,
        }
        # fmt: on
        arguments = [_required("postgres"), "-D", str(self._folder / "data")]
        for name, value in options.items():
            arguments += ["-c", f"{name}={value}"]
        self._process = _start(arguments, self._folder, self._user)
        wait_until(self._answers, self._process, self._folder)

    def stop(self) -> None:
        """Cut every connection and end; `start` brings it back."""
        if self._process:
            end(self._process, signal.SIGINT)
        self._process = None

    def kill(self) -> None:
        """End at once, as a crash does; `start` brings it back."""
        if self._process:
            end(self._process, signal.SIGQUIT)
        self._process = None

    @property
    def url(self) -> str:
        """The address of its one database for SQLAlchemy's asyncpg dialect."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/postgres"

    def execute(self, statement: str) -> str:
        """Run a statement with psql; what it printed."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "postgres"]
        done = subprocess.run(
            [_required("psql"), "-X", "-q", "-A", "-t", *where, "-c", statement],
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.stdout.strip()

    def cut(self) -> None:
        """Cut every connection."""
        self.execute(CUT)

    def clear(self) -> None:
        """Cut every connection and drop all tables: quicker than a new database."""
        self.execute(f"{CUT}; DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    def _answers(self) -> bool:
        asked = [_required("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A running server, ended at the end."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        server = PostgresqlServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


class RedisServer:
    """One Redis without persistence, on 127.0.0.1 only."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for redis-py."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Begin to serve, empty."""
        arguments = [_required("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        self._process = _start([*arguments, "--save", "", "--appendonly", "no"], self._folder, None)
        wait_until(lambda: self._ask("PING") == b"+PONG\r\n", self._process, self._folder)

    def stop(self) -> None:
        """Cut every connection and end; `start` brings it back, empty."""
        if self._process:
            end(self._process, signal.SIGTERM)
        self._process = None

    def clear(self) -> None:
        """Forget all keys."""
        assert self._ask("FLUSHALL") == b"+OK\r\n"

    def _ask(self, command: str) -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(100)
        except ConnectionError:
            return b""


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A running server, ended at the end."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


class PrometheusServer:
    """One Prometheus on 127.0.0.1 that answers from the data in a folder.

    Args:
        folder: Holds `data`, which is made when it is not there.
        scrape: Its configuration; empty scrapes nothing.
        web: Its --web.config.file: TLS and passwords.
    """

    def __init__(self, folder: Path, scrape: str = "", web: Path | None = None) -> None:
        self.port = free_port()
        self._folder = folder
        config = folder / "prometheus.yml"
        config.write_text(scrape)
        arguments = [
            *(_required("prometheus"), f"--config.file={config}"),
            *(f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"),
            *(f"--storage.tsdb.path={folder / 'data'}", "--storage.tsdb.retention.time=100y"),
            *([f"--web.config.file={web}"] if web else []),
        ]
        self._process = _start(arguments, folder, None)
        wait_until(self._answers, self._process, folder)

    @property
    def url(self) -> str:
        """Its address, without TLS."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it; the data stays."""
        end(self._process, signal.SIGTERM)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=PATIENCE) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            with error:
                return error.code in {400, 401}  # it wants TLS, or a password
        except OSError:
            return False


@contextmanager
def prometheus_server(
    folder: Path, scrape: str = "", web: Path | None = None
) -> Iterator[PrometheusServer]:
    """A running server, ended at the end."""
    server = PrometheusServer(folder, scrape, web)
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, once for each process.

    Nor does anybody get it who asks for any port, as tests beside this one do: Linux gives those
    from 32768 on, ip(7), `ip_local_port_range`. Each worker of pytest-xdist has a range of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    width = 12_000 // _WORKERS
    while True:
        port = 20_000 + worker * width + secrets.randbelow(width)
        if port in _GIVEN:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _GIVEN.add(port)
            return port


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 that nobody listens on, nor can anybody meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for a server that was started in `folder`; one that ended instead is an error."""
    patience_ends = time.monotonic() + PATIENCE
    while not ready():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < patience_ends, (folder / "log").read_text()
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Send the signal and wait; whoever does not listen is killed."""
    process.send_signal(how)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _start(arguments: Sequence[str], folder: Path, user: str | None) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            arguments,
            cwd=folder,
            user=user,
            stdout=log,
            stderr=log,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - calls nothing that could hold a lock
        )


def _die_with_parent() -> None:
    """Even killed tests leave no server behind (Linux): PR_SET_PDEATHSIG is 1."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _ordinary_user() -> str | None:
    """Whom to become, since PostgreSQL refuses to run as root; None: stay who we are."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _required(name: str) -> str:
    found = program(name)
    assert found, f"{name} is not installed"
    return found
