"""The process of a worker on another machine: `python -m ... FD HOST PORT`, a secured Locust.

FD is a pipe with the shared secret. The locustfile and the modules that run it come from the
master.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import harness.load.child.cooperative  # noqa: F401 - before Locust

# isort: split
from locust import argument_parser
from locust.main import main as run_locust

from harness.load.child.distributed.sockets import install
from harness.load.child.locustfile.options import variables_of_locust


class Parser(argument_parser.LocustArgumentParser):
    """Locust's parser without the configuration files of this machine, e.g. `./locust.conf`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given | {"default_config_files": ()})


def main(descriptor: int, host: str, port: str) -> None:
    """Run Locust's own command line as a worker of the master at an address."""
    with os.fdopen(descriptor) as pipe:
        install(pipe.read())
    for variable in variables_of_locust():  # the master determines what they would set
        os.environ.pop(variable, None)
    argument_parser.LocustArgumentParser = Parser  # type: ignore[misc]
    sys.argv = ["locust", "--worker", "-f", "-", "--master-host", host, "--master-port", port]
    run_locust()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
