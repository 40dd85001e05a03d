"""How a master and its workers authenticate each other: ZeroMQ CURVE with keys from one secret.

Both key pairs are derived from the shared secret, so a peer without the secret has neither. CURVE
proves each side to the other before the first message, encrypts and authenticates every frame, and
refuses a frame that was sent before (https://rfc.zeromq.org/spec/26/).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Any, Final

import zmq
from zmq.utils import z85

from harness.errors import UsageError

DOMAIN: Final = b"harness"  # of the ZeroMQ authentication protocol; without one, none is asked
HANDSHAKE_TIME: Final = 5.0  # s until a connection that is not authenticated is closed
MAX_MESSAGE: Final = 4 * 2**20  # bytes; holds before the authentication as well
_QUEUE: Final = 200  # messages to or from one peer; each worker sends about three a second
_LABEL: Final = b"harness worker connection v1 "


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Keys of Curve25519 in Z85, as ZeroMQ takes them."""

    public: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the master and of all its workers."""

    master: KeyPair
    worker: KeyPair


def keys_of(secret: str) -> Keys:
    """Derive the keys from the shared secret.

    HMAC-SHA256 with a label for each role is the expansion of HKDF (RFC 5869) for one block. It
    does not slow down guesses: the secret must be random.

    Raises:
        UsageError: The installed ZeroMQ has no CURVE.
    """
    if not secret:
        raise ValueError("an empty secret")
    if not zmq.has("curve"):
        raise UsageError(
            "the installed ZeroMQ cannot authenticate workers: it was built without CURVE",
            "Install pyzmq from a wheel: pip install --force-reinstall --only-binary=:all: pyzmq",
        )
    return Keys(_pair(secret, b"master"), _pair(secret, b"worker"))


def secure_master(socket: Any, keys: Keys) -> None:
    """Make a socket of the master refuse every peer without the keys; call it before `bind`.

    A handler of the authentication protocol on the context of the socket decides about the keys of
    the peers; without one, nobody is admitted.
    """
    _limit(socket)
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_SECRETKEY, keys.master.secret)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.master.public)
    socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)


def secure_worker(socket: Any, keys: Keys) -> None:
    """Make a socket of a worker talk only to a master with the keys; call it before `connect`."""
    _limit(socket)
    socket.setsockopt(zmq.CURVE_SECRETKEY, keys.worker.secret)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.worker.public)
    socket.setsockopt(zmq.CURVE_SERVERKEY, keys.master.public)


def _limit(socket: Any) -> None:
    socket.setsockopt(zmq.HANDSHAKE_IVL, int(HANDSHAKE_TIME * 1000))
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE)
    socket.setsockopt(zmq.SNDHWM, _QUEUE)
    socket.setsockopt(zmq.RCVHWM, _QUEUE)


def _pair(secret: str, role: bytes) -> KeyPair:
    key = z85.encode(hmac.digest(secret.encode(), _LABEL + role, "sha256"))
    return KeyPair(zmq.curve_public(key), key)
