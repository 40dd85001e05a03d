"""All endpoints of the contacts API at a low rate: a quick check of the service.

A plain locustfile; it also runs under Locust itself:

    locust -f scenarios/smoke.py --headless -u 5 -r 5 -t 10s -H http://127.0.0.1:8000
"""

from __future__ import annotations

import random
from collections import deque
from uuid import uuid4

from locust import FastHttpUser, between, task

CONTACTS = "/api/v1/contacts"
CONTACT = f"{CONTACTS}/{{id}}"
POPULAR = range(1, 21)  # most reads are for these ids, so the cache has hits
SEEDED = range(1, 10_001)  # exist at each start and are never deleted here
# Ids that this process created and did not delete yet; popped, so that no id is deleted twice.
created: deque[int] = deque()


class Visitor(FastHttpUser):
    """Mostly reads, and sometimes writes."""

    wait_time = between(0.05, 0.15)

    @task(30)
    def list_contacts(self) -> None:
        """Get one of the first pages."""
        self.client.get(CONTACTS, params={"page": random.randint(1, 20)}, name=CONTACTS)

    @task(15)
    def search_contacts(self) -> None:
        """Search for the first two or three letters of a last name."""
        q = random.choice(("ada", "ki", "mil", "ngu", "pat", "smi", "tay", "wil", "zh"))
        self.client.get(f"{CONTACTS}/search", params={"q": q}, name=f"{CONTACTS}/search")

    @task(40)
    def get_contact(self) -> None:
        """Get a contact, mostly a popular one."""
        identifier = random.choice(POPULAR if random.random() < 0.95 else SEEDED)
        self.client.get(f"{CONTACTS}/{identifier}", name=CONTACT)

    @task(5)
    def create_contact(self) -> None:
        """Create a contact; the service starts a background task for it."""
        with self.client.post(
            CONTACTS, json=somebody(), name=CONTACTS, catch_response=True
        ) as response:
            if response.status_code == 201:
                created.append(response.json()["id"])

    @task(4)
    def update_contact(self) -> None:
        """Change the note of a seeded contact."""
        identifier = random.choice(SEEDED)
        self.client.patch(f"{CONTACTS}/{identifier}", json={"notes": "Called."}, name=CONTACT)

    @task(3)
    def delete_contact(self) -> None:
        """Delete a contact that this process created, never a seeded one."""
        if not created:
            self.create_contact()
        if created:
            self.client.delete(f"{CONTACTS}/{created.popleft()}", name=CONTACT)

    @task(10)
    def health(self) -> None:
        """Check the health, as a load balancer does."""
        self.client.get("/health")


def somebody() -> dict[str, object]:
    """Return a valid contact with a unique e-mail address."""
    return {
        "first_name": "Load",
        "last_name": "Test",
        "email": f"load.{uuid4().hex}@example.com",
        "company_id": random.randint(1, 200),
    }
