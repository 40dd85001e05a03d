"""The actions of users; the scenarios mix them with different weights.

Together they ask every operation of the API. Names of requests are routes, so their number is
bounded. What an action creates, another one deletes: the data stays as large as it was, except for
a few users. No action changes a seeded contact's name or company, and a company that gets another
name gets its own one back.

Popularity follows Zipf's law with exponent 1.5: the most popular of 10,000 contacts gets two fifths
of the reads, the first hundred 93%. This is the "frequently accessed data" of the cache's budget.
"""

from __future__ import annotations

import json
import random
from collections import deque
from itertools import accumulate
from uuid import uuid4

from locust import FastHttpUser, between

CONTACTS = "/api/v1/contacts"
CONTACT = f"{CONTACTS}/{{id}}"
COMPANIES = "/api/v1/companies"
COMPANY = f"{COMPANIES}/{{id}}"
USERS = "/api/v1/users"
AUTH = "/api/v1/auth"
SEEDED = 10_000  # contacts 1..10000 exist at each start and are never deleted here
COMPANY_COUNT = 200
IMPORTED = 4  # rows of an uploaded file
NAMES = ("adams", "baker", "garcia", "johnson", "kowalski", "nguyen", "okafor", "smith", "zhang")
POPULARITY = tuple(accumulate(rank**-1.5 for rank in range(1, SEEDED + 1)))
COMPANY_POPULARITY = POPULARITY[:COMPANY_COUNT]
PASSWORD = "sample-password"  # noqa: S105 - of the seeded users
EDITOR, ADMIN = "editor@example.com", "admin@example.com"
# State of this process: the ids of contacts that it created and did not delete yet (popped, so that
# no id is deleted twice), of users that it registered, and the ETags and the token that a browser
# would keep.
created: deque[int] = deque()
registered: deque[int] = deque(maxlen=10)
etags: dict[int, str] = {}
signed_in: dict[str, str] = {}


class Person(FastHttpUser):
    """Has all actions and no tasks; subclasses choose the weights.

    An import is undone by four deletions, so `delete` needs the weight of `create` and four times
    that of `import_file`.
    """

    abstract = True
    wait_time = between(0.05, 0.15)

    # --- contacts -------------------------------------------------------------------------------

    def browse(self) -> None:
        """Get a page, mostly one of the first, in one of the sizes that the client offers."""
        page = _low(5, 500)
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

    def replace(self) -> None:
        """Overwrite a contact that this process created, never a seeded one."""
        if not created:
            self.create()
        if created:
            identifier = created.popleft()  # not deleted by another user meanwhile
            path = f"{CONTACTS}/{identifier}"
            self.client.put(path, json=somebody(), headers=signed_in, name=CONTACT)
            created.append(identifier)

    def delete(self) -> None:
        """Delete a contact that this process created, never a seeded one."""
        if not created:
            self.create()
        if created:
            path = f"{CONTACTS}/{created.popleft()}"
            self.client.delete(path, headers=signed_in, name=CONTACT)

    # --- files ----------------------------------------------------------------------------------

    def export(self) -> None:
        """Export all contacts as a file."""
        form = random.choice(("csv", "jsonl"))
        path = f"{CONTACTS}/export"
        self.client.get(path, params={"format": form}, name=path, headers=signed_in)

    def import_file(self) -> None:
        """Import a file of four new contacts, read its result, and find them to delete them."""
        path, begin = "/api/v1/imports", f"load.{uuid4().hex}"
        rows = [
            json.dumps(somebody() | {"email": f"{begin}.{row}@example.com"})
            for row in range(IMPORTED)
        ]
        headers = {"Content-Type": "application/x-ndjson"} | signed_in
        with self.client.post(
            path, data="\n".join(rows), headers=headers, catch_response=True
        ) as response:
            if response.status_code != 201:
                return
            identifier = response.json()["id"]
        self.client.get(f"{path}/{identifier}", headers=signed_in, name=f"{path}/{{id}}")
        path = f"{CONTACTS}/search"
        with self.client.get(path, params={"q": begin}, name=path, catch_response=True) as response:
            if response.status_code == 200:
                created.extend(contact["id"] for contact in response.json()["items"])

    # --- companies ------------------------------------------------------------------------------

    def companies(self) -> None:
        """Get a page of companies."""
        self.client.get(COMPANIES, params={"page": _low(1, 10)}, name=COMPANIES)

    def compare_companies(self) -> None:
        """Get a page of companies with their profiles."""
        params = {"page": _low(1, 20), "size": 10, "profiles": "true"}
        self.client.get(COMPANIES, params=params, name=COMPANIES)

    def company(self) -> None:
        """Get a company."""
        self.client.get(f"{COMPANIES}/{_company()}", name=COMPANY)

    def save_company(self) -> None:
        """Save a company without a change, as forms do; this must not empty the caches."""
        self._save_company()

    def rename_company(self) -> None:
        """Give a company another name and its own one again; its contacts leave the cache."""
        self._save_company(".", "")

    def _save_company(self, *endings: str) -> None:
        """Save a company, once for each ending of its name."""
        path = f"{COMPANIES}/{_company()}"
        with self.client.get(path, name=COMPANY, catch_response=True) as response:
            if response.status_code != 200:
                return
            own = response.json()["name"].rstrip(".")  # another user may rename it, too
        for ending in endings or ("",):
            name = {"name": f"{own}{ending}"}
            self.client.patch(path, json=name, headers=signed_in, name=COMPANY)

    def refresh_company(self) -> None:
        """Get a company's profile anew, and look at the task that does it."""
        path = f"{COMPANIES}/{_company()}/refresh"
        with self.client.post(
            path, headers=signed_in, name=f"{COMPANY}/refresh", catch_response=True
        ) as response:
            if response.status_code != 202:
                return
            task = response.headers["Location"]
        self.client.get(task, name="/api/v1/tasks/{id}")

    # --- users; passwords are hashed slowly on purpose --------------------------------------------

    def log_in(self) -> None:
        """Get a new token for the writes of this process; tokens expire after minutes."""
        signed_in.update(self._session(EDITOR)[0])
        if signed_in:
            self.client.get(f"{USERS}/me", headers=signed_in)

    def renew(self) -> None:
        """Begin a session, refresh it once, and end it."""
        _, token = self._session(EDITOR)
        if not token:
            return
        with self.client.post(
            f"{AUTH}/refresh", json={"refresh_token": token}, catch_response=True
        ) as response:
            if response.status_code != 200:
                return
            token = response.json()["refresh_token"]
        self.client.post(f"{AUTH}/logout", json={"refresh_token": token})

    def register(self) -> None:
        """Register a user."""
        user = {"email": f"load.{uuid4().hex}@example.com", "password": PASSWORD}
        with self.client.post(USERS, json=user, catch_response=True) as response:
            if response.status_code == 201:
                registered.append(response.json()["id"])

    def administer(self) -> None:
        """Look at users, audit log and health as an admin; change a user and end its sessions."""
        admin, _ = self._session(ADMIN)
        self.client.get(USERS, headers=admin)
        self.client.get("/api/v1/audit", headers=admin)
        self.client.get("/health/detailed", headers=admin)
        if not registered:
            self.register()
        if registered:
            path = f"{USERS}/{registered[-1]}"
            self.client.patch(path, json={"role": "reader"}, headers=admin, name=f"{USERS}/{{id}}")
            sessions = f"{USERS}/{{id}}/sessions"
            self.client.delete(f"{path}/sessions", headers=admin, name=sessions)

    def _session(self, email: str) -> tuple[dict[str, str], str]:
        """The header with the access token, and the refresh token; empty without an answer."""
        form = {"username": email, "password": PASSWORD}
        with self.client.post(f"{AUTH}/token", data=form, catch_response=True) as response:
            if response.status_code == 200:
                answer = response.json()
                header = {"Authorization": f"Bearer {answer['access_token']}"}
                return header, answer["refresh_token"]
        return {}, ""

    # --- the service ----------------------------------------------------------------------------

    def health(self) -> None:
        """Check the health, as a load balancer does."""
        self.client.get("/health")


def _low(mean: float, most: int) -> int:
    """The number of a page: from 1, mostly a low one."""
    return min(most, 1 + int(random.expovariate(1 / mean)))


def _company() -> int:
    """A company, by popularity."""
    return random.choices(range(1, COMPANY_COUNT + 1), cum_weights=COMPANY_POPULARITY)[0]


def somebody() -> dict[str, object]:
    """Return a valid contact with a unique e-mail address."""
    return {
        "first_name": "Load",
        "last_name": "Test",
        "email": f"load.{uuid4().hex}@example.com",
        "company_id": random.randint(1, COMPANY_COUNT),
        "notes": "Created under load.",
    }
