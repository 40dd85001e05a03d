"""Inside the generator: methods of FastHttpUser's client that a locustfile replaces.

A locustfile that replaces one expects it to be called, so its requests take FastHttpUser's path.
"""

from __future__ import annotations

from geventhttpclient import useragent
from locust.contrib import fasthttp
from locust.contrib.fasthttp import FastHttpSession

from harness.load.child import wrapping

# Where the methods are defined, or wrapped by the harness.
_OWN_FILES = {fasthttp.__file__, useragent.__file__, wrapping.install.__code__.co_filename}


def replaced_for_all(session: FastHttpSession) -> bool:
    """Whether the locustfile has replaced a method for the sessions of all users."""
    methods = (
        FastHttpSession.request,
        session._send_request_safe_mode,  # noqa: SLF001 - a method that locustfiles replace
        session.client.urlopen,
    )
    codes = [getattr(method, "__code__", None) for method in methods]
    return any(getattr(code, "co_filename", "") not in _OWN_FILES for code in codes)
