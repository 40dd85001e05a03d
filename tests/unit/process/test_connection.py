"""What is received from a peer that has closed."""

import asyncio
import socket

import pytest

from harness.process.connection import Connection


@pytest.mark.parametrize("unread", [b"", b"order"], ids=["all was read", "an order was not read"])
async def test_last_message_of_a_closed_peer_survives_a_failed_send(unread: bytes) -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    await connection.send(unread)
    theirs.sendall(b"goodbye")
    theirs.close()  # with `unread` the next reads end in "connection reset"
    await connection.send(b"heartbeat")
    assert await connection.receive() == b"goodbye"
    assert await connection.receive() == b""
    connection.close()


async def test_lines_are_received_one_by_one_and_the_rest_at_the_end() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    theirs.sendall(b"a\nb")
    assert await connection.receive_line() == b"a\n"
    theirs.sendall(b"c\nd")
    theirs.close()
    assert [await connection.receive_line() for _ in range(3)] == [b"bc\n", b"d", b""]
    connection.close()


async def test_large_messages_of_several_senders_do_not_mix() -> None:
    ours, theirs = socket.socketpair()
    connection, peer = Connection(ours), Connection(theirs)
    messages = [bytes([letter]) * 10**6 for letter in b"abc"]
    sending = asyncio.gather(*(connection.send(message) for message in messages))
    received = b""
    while len(received) < 3 * 10**6:
        received += await peer.receive()
    await sending
    assert received == b"".join(messages)
    connection.close()
    peer.close()


async def test_closing_during_a_receive_that_was_cancelled() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    receiving = asyncio.create_task(connection.receive())
    await asyncio.sleep(0)
    receiving.cancel()
    connection.close()
    connection.close()
    assert theirs.recv(1) == b""
    theirs.close()
    with pytest.raises(asyncio.CancelledError):
        await receiving
