"""What a Locust message may announce. In a process of its own: Locust changes the process."""

import subprocess
import sys

PROGRAM = """
from locust.exception import RPCReceiveError
from harness.load.child.distributed.sockets import _message
from harness.load.protocol.authentication import MAX_MESSAGE
from harness.load.protocol.frames import MAX_ITEMS

def reason(data):
    try:
        return _message(data).type
    except RPCReceiveError as error:
        return str(error)

many = (MAX_ITEMS + 1).to_bytes(4, "big")
assert reason(b"\\x93\\xa4quit\\xc0\\xa1a") == "quit"
for kind, name in ((b"\\xdd", "array"), (b"\\xdf", "map")):
    wanted = f"{MAX_ITEMS + 1} exceeds max_{name}_len({MAX_ITEMS})"
    found = reason(b"\\x93\\xa4quit" + kind + many + bytes(MAX_ITEMS + 2))
    assert wanted in found, found
assert f"over {MAX_MESSAGE} bytes" in reason(bytes(MAX_MESSAGE + 1))
assert "cannot be read" in reason(b"")
"""


def test_message_that_announces_too_much_is_refused_before_memory_is_reserved() -> None:
    subprocess.run([sys.executable, "-P", "-c", PROGRAM], check=True)
