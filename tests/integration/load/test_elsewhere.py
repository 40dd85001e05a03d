"""Requests that do not go to the target are counted as the other server counts them."""

import pytest

from harness.budgets.workload import OpenWorkload, Stage
from tests.integration.load.conftest import Loads, Server, running

LOCUSTFILE = """
from harness import FastUser

OTHER, TARGET = {other!r}, {target!r}

def mixed(user):
    client = user.client
    client.get("/fast")
    client.get(TARGET.replace("http://127.0.0.1", "HTTP://LocalHost") + "/fast")
    client.get("/redirect")
    client.get(OTHER + "/direct?to=" + TARGET)
    with client.get(OTHER + "/checked", catch_response=True): pass
    client.get("/away/" + OTHER.rpartition(":")[2])
    client.get("/away/" + OTHER.rpartition(":")[2], allow_redirects=False)

def own(user):
    user.client.base_url = OTHER
    user.client.get("/own")

class Slow(HttpUser): host, tasks = OTHER, [mixed]  # harness sets the host
class Fast(FastHttpUser): host, tasks = OTHER, [mixed]
class Fastest(FastUser): host, tasks = OTHER, [mixed]
class SlowOwn(HttpUser): tasks = [own]
class FastOwn(FastHttpUser): tasks = [own]
class FastestOwn(FastUser): tasks = [own]
"""


@pytest.mark.traced
async def test_requests_and_redirects_to_another_server_are_counted_by_its_address(
    loads: Loads, server: Server
) -> None:
    with running() as other:
        scenario = loads.scenario(
            LOCUSTFILE.format(other=other.url, target=server.url),
            OpenWorkload((Stage(60, 0.5),), arrivals="even", max_users=12),
        )
        outcome = await loads.run(scenario, 0.5)
        there, here = other.log()["counts"], server.log()["counts"]
    last, account = outcome.reports[-1], outcome.requests
    assert (account.asked, account.recorded, account.started) == (30, 120, 120)
    direct = {"GET /direct": 15, "GET /checked": 15, "GET /own": 15}
    assert there == direct | {"GET /fast": 15}
    assert last.elsewhere == {other.url: 45}
    assert last.redirected == {other.url: 15}
    # Two requests of each iteration, and the one that a redirect leads to.
    assert here["GET /fast"] == 45
