"""What people do with the service; stress.py, spike.py and soak.py mix it, each in its own way.

Names of requests are routes, so their number is bounded. Popularity follows Zipf's law with
exponent 1.5: the most popular of 10,000 contacts gets two fifths of the looks, the first hundred
93%. That is "frequently accessed data", for which the cache's budget holds.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from itertools import accumulate
from uuid import uuid4

from locust import FastHttpUser, between

CONTACTS = "/api/v1/contacts"
CONTACT = f"{CONTACTS}/{{id}}"
SEEDED = 10_000  # contacts 1..10000 exist at each start and are never deleted here
COMPANIES = 200
NAMES = ("adams", "baker", "garcia", "johnson", "kowalski", "nguyen", "okafor", "smith", "zhang")
POPULARITY = tuple(accumulate(rank**-1.5 for rank in range(1, SEEDED + 1)))
LOG_IN = {"username": "editor@example.com", "password": "sample-password"}  # a seeded user
# Of this process: created and not yet deleted contacts, popped so that nobody deletes twice, and
# what a browser would keep.
created: deque[int] = deque()
etags: dict[int, str] = {}
signed_in: dict[str, str] = {}


class Person(FastHttpUser):
    """Somebody who can do everything, and by itself does nothing."""

    abstract = True
    wait_time = between(0.05, 0.15)

    def browse(self) -> None:
        """A page, the first ones far more often, in the sizes that the client offers."""
        page = 1 + int(random.expovariate(1 / 5))
        size = random.choice((10, 20, 20, 20, 50))
        self.client.get(CONTACTS, params={"page": page, "size": size}, name=CONTACTS)

    def scroll(self) -> None:
        """A few pages from the beginning on, each by the cursor of the one before."""
        cursor = ""
        for _ in range(3):
            with self.client.get(
                CONTACTS, params={"cursor": cursor}, name=CONTACTS, catch_response=True
            ) as response:
                if response.status_code != 200:
                    return
                cursor = response.json()["next"]

    def search(self) -> None:
        """What has been typed so far of a name."""
        name = random.choice(NAMES)
        q = name[: random.randint(2, len(name))]
        self.client.get(f"{CONTACTS}/search", params={"q": q}, name=f"{CONTACTS}/search")

    def look(self) -> None:
        """A contact by popularity; what was seen before is asked for only if it has changed."""
        (identifier,) = random.choices(range(1, SEEDED + 1), cum_weights=POPULARITY)
        known = etags.get(identifier)
        headers = {"If-None-Match": known} if known else {}
        with self.client.get(
            f"{CONTACTS}/{identifier}", headers=headers, name=CONTACT, catch_response=True
        ) as response:
            if response.status_code == 200 and "ETag" in response.headers:
                etags[identifier] = response.headers["ETag"]

    def company(self) -> None:
        """Whom a contact works for."""
        name = "/api/v1/companies/{id}"
        self.client.get(f"/api/v1/companies/{random.randint(1, COMPANIES)}", name=name)

    def export(self) -> None:
        """Everybody, as a file."""
        form = random.choice(("csv", "jsonl"))
        path = f"{CONTACTS}/export"
        self.client.get(path, params={"format": form}, name=path, headers=signed_in)

    def create(self) -> None:
        """Somebody new, sent with a key that makes a second try harmless."""
        headers = {"Idempotency-Key": uuid4().hex} | signed_in
        with self.client.post(
            CONTACTS, json=somebody(), headers=headers, name=CONTACTS, catch_response=True
        ) as response:
            if response.status_code == 201:
                created.append(response.json()["id"])

    def edit(self) -> None:
        """A note on any contact: notes have nothing to do with popularity."""
        identifier = random.randint(1, SEEDED)
        notes = {"notes": f"Called, case {random.randrange(1000)}."}
        self.client.patch(f"{CONTACTS}/{identifier}", json=notes, headers=signed_in, name=CONTACT)

    def delete(self) -> None:
        """A contact that was created here, never a seeded one."""
        if not created:
            self.create()
        if created:
            path = f"{CONTACTS}/{created.popleft()}"
            self.client.delete(path, headers=signed_in, name=CONTACT)

    def log_in(self) -> None:
        """A new token, with which this process writes from now on: tokens live for minutes."""
        with self.client.post("/api/v1/auth/token", data=LOG_IN, catch_response=True) as response:
            if response.status_code == 200:
                signed_in["Authorization"] = f"Bearer {response.json()['access_token']}"
        if signed_in:
            self.client.get("/api/v1/users/me", headers=signed_in)

    def health(self) -> None:
        """What a load balancer asks."""
        self.client.get("/health")


def somebody() -> Mapping[str, object]:
    """A valid contact with an address that nobody has."""
    return {
        "first_name": "Load",
        "last_name": "Test",
        "email": f"load.{uuid4().hex}@example.com",
        "company_id": random.randint(1, COMPANIES),
        "notes": "Created under load.",
    }
