"""Inside the generator: a user like FastHttpUser that costs a fraction of its CPU time."""

from __future__ import annotations

from typing import Any

from locust.contrib.fasthttp import FastHttpUser

from harness.load.child.fast.session import FastSession


class FastUser(FastHttpUser):
    """FastHttpUser with another client; every setting, method and event is the same.

    Requests to `host` over plain HTTP take a fast path. Other requests (https, a proxy, streams,
    files, a pool that users share) take FastHttpUser's own path.
    """

    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.client = FastSession(
            base_url=self.host,
            request_event=self.environment.events.request,
            network_timeout=self.network_timeout,
            connection_timeout=self.connection_timeout,
            max_redirects=self.max_redirects,
            max_retries=self.max_retries,
            insecure=self.insecure,
            concurrency=self.concurrency,
            user=self,
            client_pool=self.client_pool,
            ssl_context_factory=self.ssl_context_factory,
            headers=self.default_headers,
            proxy_host=self.proxy_host,
            proxy_port=self.proxy_port,
        )
