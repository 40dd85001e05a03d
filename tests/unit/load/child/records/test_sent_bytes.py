"""The bytes that a greenlet sends are those that arrive, over TCP and over TLS."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tls import certificate

# In a process of its own, since gevent patches the process.
SCRIPT = """
from gevent import monkey; monkey.patch_all()
import gevent, io, json, socket, ssl, sys
from harness.load.child.records import sent_bytes

sent_bytes.install()
sent_bytes.install()
own = sys.argv[1]

def received(server, tls):
    connection = server.accept()[0]
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own, own.removesuffix("pem") + "key")
        connection = context.wrap_socket(connection, server_side=True)
    total = 0
    while total < int(sys.argv[2]):
        total += len(connection.recv(65536))
    connection.sendall(b"all")
    return total

def send(address, tls):
    connection = socket.create_connection(address)
    if tls:
        connection = ssl._create_unverified_context().wrap_socket(connection)
    connection.send(b"not counted")
    sent_bytes.set_sent(5)
    connection.sendall(b"x" * 3_000_000)
    connection.sendfile(io.BytesIO(b"y" * 70_000))
    connection.send(b"z" * 3)
    gevent.spawn(connection.sendall, b"of another greenlet").join()
    connection.recv(3)
    return sent_bytes.get_sent()

def exchange(tls):
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = gevent.spawn(received, server, tls)
        sender = gevent.spawn(send, server.getsockname(), tls)
        return [reader.get(), sender.get()]

print(json.dumps([exchange(tls) for tls in (False, True)[: 2 if own else 1]]))
"""


@pytest.mark.parametrize(
    "kinds", [1, pytest.param(2, marks=pytest.mark.needs_openssl)], ids=["tcp", "tls"]
)
def test_bytes_that_a_greenlet_sends_are_those_that_arrive(tmp_path: Path, kinds: int) -> None:
    own = str(certificate(tmp_path, "own")) if kinds == 2 else ""
    counted = 3_000_000 + 70_000 + 3
    apart = len(b"not counted") + len(b"of another greenlet")
    command = [sys.executable, "-c", SCRIPT, own, str(counted + apart)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[counted + apart, counted + 5]] * kinds
