"""The usual use of contacts: skewed popularity, paged lists, some writes.

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
# Zipf's law with exponent 1.5: the most popular of 10,000 gets two fifths of the reads, the first
# hundred 93%. This is the "frequently accessed data" of the cache's budget.
POPULARITY = tuple(accumulate(rank**-1.5 for rank in range(1, SEEDED + 1)))
# Ids that this process created and did not delete yet; popped, so that no id is deleted twice.
created: deque[int] = deque()


class Person(FastHttpUser):
    """Nine of ten requests read, one writes.

    The class has weighted tasks, so the mix is the same for one user and for a hundred.
    """

    wait_time = between(0.05, 0.15)

    @task(30)
    def list_contacts(self) -> None:
        """Get a page, mostly one of the first, in one of the sizes that the client offers."""
        page = 1 + int(random.expovariate(1 / 5))
        size = random.choice((10, 20, 20, 20, 50))
        self.client.get(CONTACTS, params={"page": page, "size": size}, name=CONTACTS)

    @task(20)
    def search_contacts(self) -> None:
        """Search for the beginning of a name, as while it is typed."""
        name = random.choice(NAMES)
        q = name[: random.randint(2, len(name))]
        self.client.get(f"{CONTACTS}/search", params={"q": q}, name=f"{CONTACTS}/search")

    @task(50)
    def get_contact(self) -> None:
        """Get a contact, by popularity."""
        (identifier,) = random.choices(range(1, SEEDED + 1), cum_weights=POPULARITY)
        self.client.get(f"{CONTACTS}/{identifier}", name=CONTACT)

    @task(2)
    def health(self) -> None:
        """Check the health, as a load balancer does."""
        self.client.get("/health")

    @task(4)
    def create_contact(self) -> None:
        """Create a contact; the service starts a background task for it."""
        with self.client.post(
            CONTACTS, json=somebody(), name=CONTACTS, catch_response=True
        ) as response:
            if response.status_code == 201:
                created.append(response.json()["id"])

    @task(4)
    def update_contact(self) -> None:
        """Change the note of any contact; notes do not depend on popularity."""
        identifier = random.randint(1, SEEDED)
        changes = {"notes": f"Called, case {random.randrange(1000)}."}
        self.client.patch(f"{CONTACTS}/{identifier}", json=changes, name=CONTACT)

    @task(2)
    def delete_contact(self) -> None:
        """Delete a contact that this process created, never a seeded one."""
        if not created:
            self.create_contact()
        if created:
            self.client.delete(f"{CONTACTS}/{created.popleft()}", name=CONTACT)


def somebody() -> dict[str, object]:
    """Return a valid contact with a unique e-mail address."""
    return {
        "first_name": "Load",
        "last_name": "Test",
        "email": f"load.{uuid4().hex}@example.com",
        "company_id": random.randint(1, 200),
        "notes": "Created by the load scenario.",
    }
