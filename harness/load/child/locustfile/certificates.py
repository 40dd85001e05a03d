"""Inside the generator: clients of Locust that verify the target with a CA of its own."""

from __future__ import annotations

import ssl
from typing import Any

from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession, FastHttpUser

from harness.load.child.locustfile.refusal import RefusalError


def trust(ca_file: str) -> None:
    """Let HttpUser, FastHttpUser and their subclasses verify https with the CAs of a file.

    What a locustfile sets itself comes first: `client.verify`, `insecure`, `ssl_context_factory`
    and `client_pool`. To be called before the first user starts.

    Args:
        ca_file: A file in PEM; empty changes nothing.

    Raises:
        RefusalError: The file cannot be used.
    """
    if not ca_file:
        return
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise RefusalError(
            f"target.ca_file: cannot use {ca_file}: {error.strerror or error}",
            "Workers of other machines need the file at the same path.",
        ) from error
    _trust_in_requests(ca_file)
    _trust_in_geventhttpclient(ca_file)


def _trust_in_requests(ca_file: str) -> None:
    session: Any = HttpSession
    create, merge = session.__init__, session.merge_environment_settings

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        self.verify = ca_file

    def merge_settings(self: Any, url: Any, proxies: Any, stream: Any, *rest: Any) -> Any:
        # requests prefers REQUESTS_CA_BUNDLE of the environment to the setting of the session.
        verify, cert = rest
        return merge(self, url, proxies, stream, self.verify if verify is None else verify, cert)

    session.__init__, session.merge_environment_settings = init, merge_settings


def _trust_in_geventhttpclient(ca_file: str) -> None:
    # Locust's default verifies nothing.
    FastHttpUser.insecure = False
    session: Any = FastHttpSession
    create = session.__init__

    def context(**_: Any) -> ssl.SSLContext:
        # geventhttpclient passes `cafile`, the CAs that it would trust by itself.
        return ssl.create_default_context(cafile=ca_file)

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("insecure", True) and not kwargs.get("ssl_context_factory"):
            kwargs["ssl_context_factory"] = context
        create(self, *args, **kwargs)

    session.__init__ = init
