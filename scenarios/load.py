"""Contacts as people use them: popularity is skewed, lists are paged through, some writes.

A plain locustfile; it also runs under Locust itself:

    locust -f scenarios/load.py --headless -u 20 -r 20 -t 30s -H http://127.0.0.1:8000
"""

from __future__ import annotations

import random
from collections import deque
from itertools import accumulate
from uuid import uuid4

from locust import FastHttpUser, between, task

CONTACTS = "/api/v1/contacts"
CONTACT = f"{CONTACTS}/{{id}}"
SEEDED = 10_000  # contacts 1..10000 exist at each start and are never deleted here
NAMES = ("adams", "baker", "garcia", "johnson", "kowalski", "nguyen", "okafor", "smith", "zhang")
# Zipf's law with exponent 1.5: the most popular of 10,000 gets two fifths of the looks, the first
# hundred 93%. That is "frequently accessed data", for which the cache's budget holds.
POPULARITY = tuple(accumulate(rank**-1.5 for rank in range(1, SEEDED + 1)))
# Created by this process and not yet deleted; popped, so that nobody deletes twice.
created: deque[int] = deque()


class Person(FastHttpUser):
    """Nine of ten actions look, one writes.

    One class with weighted tasks, so that the mix is the same for one user and for a hundred.
    """

    wait_time = between(0.05, 0.15)

    @task(30)
    def list_contacts(self) -> None:
        """A page, the first ones far more often, in the sizes that the client offers."""
        page = 1 + int(random.expovariate(1 / 5))
        size = random.choice((10, 20, 20, 20, 50))
        self.client.get(CONTACTS, params={"page": page, "size": size}, name=CONTACTS)

    @task(20)
    def search_contacts(self) -> None:
        """What has been typed so far of a name."""
        name = random.choice(NAMES)
        q = name[: random.randint(2, len(name))]
        self.client.get(f"{CONTACTS}/search", params={"q": q}, name=f"{CONTACTS}/search")

    @task(50)
    def get_contact(self) -> None:
        """A contact by popularity."""
        (identifier,) = random.choices(range(1, SEEDED + 1), cum_weights=POPULARITY)
        self.client.get(f"{CONTACTS}/{identifier}", name=CONTACT)

    @task(2)
    def health(self) -> None:
        """What a load balancer asks."""
        self.client.get("/health")

    @task(4)
    def create_contact(self) -> None:
        """Somebody new, for whom the service works on after it has answered."""
        with self.client.post(
            CONTACTS, json=somebody(), name=CONTACTS, catch_response=True
        ) as response:
            if response.status_code == 201:
                created.append(response.json()["id"])

    @task(4)
    def update_contact(self) -> None:
        """A note on any contact: notes have nothing to do with popularity."""
        identifier = random.randint(1, SEEDED)
        changes = {"notes": f"Called, case {random.randrange(1000)}."}
        self.client.patch(f"{CONTACTS}/{identifier}", json=changes, name=CONTACT)

    @task(2)
    def delete_contact(self) -> None:
        """One that was created here, never a seeded one."""
        if not created:
            self.create_contact()
        if created:
            self.client.delete(f"{CONTACTS}/{created.popleft()}", name=CONTACT)


def somebody() -> dict[str, object]:
    """A valid contact with an address that nobody has."""
    return {
        "first_name": "Load",
        "last_name": "Test",
        "email": f"load.{uuid4().hex}@example.com",
        "company_id": random.randint(1, 200),
        "notes": "Created by the load scenario.",
    }
