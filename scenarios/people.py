"""The actions of users; stress.py, spike.py and soak.py mix them with different weights.

Names of requests are routes, so their number is bounded. Popularity follows Zipf's law with
exponent 1.5: the most popular of 10,000 contacts gets two fifths of the reads, the first hundred
93%. This is the "frequently accessed data" of the cache's budget.
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
# State of this process: the ids of contacts that it created and did not delete yet (popped, so that
# no id is deleted twice), and the ETags and the token that a browser would keep.
created: deque[int] = deque()
etags: dict[int, str] = {}
signed_in: dict[str, str] = {}


class Person(FastHttpUser):
    """Has all actions and no tasks; subclasses choose the weights."""

    abstract = True
    wait_time = between(0.05, 0.15)

    def browse(self) -> None:
        """Get a page, mostly one of the first, in one of the sizes that the client offers."""
        page = 1 + int(random.expovariate(1 / 5))
        size = random.choice((10, 20, 20, 20, 50))
        self.client.get(CONTACTS, params={"page": page, "size": size}, name=CONTACTS)

    def scroll(self) -> None:
        """Get the first pages, each by the cursor of the previous one."""
        cursor = ""
        for _ in range(3):
            with self.client.get(
                CONTACTS, params={"cursor": cursor}, name=CONTACTS, catch_response=True
            ) as response:
                if response.status_code != 200:
                    return
                cursor = response.json()["next"]

    def search(self) -> None:
        """Search for the beginning of a name, as while it is typed."""
        name = random.choice(NAMES)
        q = name[: random.randint(2, len(name))]
        self.client.get(f"{CONTACTS}/search", params={"q": q}, name=f"{CONTACTS}/search")

    def look(self) -> None:
        """Get a contact, by popularity; a known contact with `If-None-Match`."""
        (identifier,) = random.choices(range(1, SEEDED + 1), cum_weights=POPULARITY)
        known = etags.get(identifier)
        headers = {"If-None-Match": known} if known else {}
        with self.client.get(
            f"{CONTACTS}/{identifier}", headers=headers, name=CONTACT, catch_response=True
        ) as response:
            if response.status_code == 200 and "ETag" in response.headers:
                etags[identifier] = response.headers["ETag"]

    def company(self) -> None:
        """Get a company."""
        name = "/api/v1/companies/{id}"
        self.client.get(f"/api/v1/companies/{random.randint(1, COMPANIES)}", name=name)

    def export(self) -> None:
        """Export all contacts as a file."""
        form = random.choice(("csv", "jsonl"))
        path = f"{CONTACTS}/export"
        self.client.get(path, params={"format": form}, name=path, headers=signed_in)

    def create(self) -> None:
        """Create a contact, with a key that makes a retry harmless."""
        headers = {"Idempotency-Key": uuid4().hex} | signed_in
        with self.client.post(
            CONTACTS, json=somebody(), headers=headers, name=CONTACTS, catch_response=True
        ) as response:
            if response.status_code == 201:
                created.append(response.json()["id"])

    def edit(self) -> None:
        """Change the note of any contact; notes do not depend on popularity."""
        identifier = random.randint(1, SEEDED)
        notes = {"notes": f"Called, case {random.randrange(1000)}."}
        self.client.patch(f"{CONTACTS}/{identifier}", json=notes, headers=signed_in, name=CONTACT)

    def delete(self) -> None:
        """Delete a contact that this process created, never a seeded one."""
        if not created:
            self.create()
        if created:
            path = f"{CONTACTS}/{created.popleft()}"
            self.client.delete(path, headers=signed_in, name=CONTACT)

    def log_in(self) -> None:
        """Get a new token for the writes of this process; tokens expire after minutes."""
        with self.client.post("/api/v1/auth/token", data=LOG_IN, catch_response=True) as response:
            if response.status_code == 200:
                signed_in["Authorization"] = f"Bearer {response.json()['access_token']}"
        if signed_in:
            self.client.get("/api/v1/users/me", headers=signed_in)

    def health(self) -> None:
        """Check the health, as a load balancer does."""
        self.client.get("/health")


def somebody() -> Mapping[str, object]:
    """Return a valid contact with a unique e-mail address."""
    return {
        "first_name": "Load",
        "last_name": "Test",
        "email": f"load.{uuid4().hex}@example.com",
        "company_id": random.randint(1, COMPANIES),
        "notes": "Created under load.",
    }
