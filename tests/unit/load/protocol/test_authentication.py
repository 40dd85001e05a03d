"""The keys that master and workers derive from their secret."""

import pytest
import zmq
from zmq.utils import z85

from harness.errors import UsageError
from harness.load.protocol.authentication import keys_of

SECRET = "0123456789abcdef" * 4


def test_keys_of_a_secret_are_the_same_everywhere_and_differ_by_role_and_secret() -> None:
    keys, other = keys_of(SECRET), keys_of(SECRET[::-1])
    assert keys == keys_of(SECRET)
    secrets = {one.secret for pairs in (keys, other) for one in (pairs.master, pairs.worker)}
    assert len(secrets) == 4
    assert {len(z85.decode(one)) for one in secrets} == {32}
    for pair in (keys.master, keys.worker):
        assert zmq.curve_public(pair.secret) == pair.public


# printf 'harness worker connection v1 master' | openssl dgst -sha256 -hmac SECRET
MASTER = "2977f076411bedce0e8a63e5684813d3f64bff295e4008e6409fa70a025cc3b2"
WORKER = "9e73f05b5c8c99d978ea7ff05891e2ff0cf20ffd509235032601816496d5d6d0"


def test_secret_keys_are_those_that_openssl_computes() -> None:
    keys = keys_of(SECRET)
    assert z85.decode(keys.master.secret).hex() == MASTER
    assert z85.decode(keys.worker.secret).hex() == WORKER


def test_secret_keys_are_not_shown() -> None:
    keys = keys_of(SECRET)
    assert keys.master.secret.decode() not in repr(keys)
    assert repr(keys.worker.secret) not in repr(keys)


def test_zeromq_without_curve_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmq, "has", lambda _: False)
    with pytest.raises(UsageError, match="built without CURVE") as refusal:
        keys_of(SECRET)
    assert "pip install" in refusal.value.hint


def test_empty_secret_has_no_keys() -> None:
    with pytest.raises(ValueError, match="an empty secret"):
        keys_of("")
