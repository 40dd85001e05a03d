"""What is called, what is skipped and why, and where ids come from."""

from typing import Any

import pytest

from harness.init.model import (
    Answered,
    Argument,
    Credential,
    Operation,
    PooledId,
    RequestBody,
    Selection,
)
from harness.init.operations import read_operations
from harness.init.recorded import path_operations
from harness.init.select import select, without
from tests.unit.init.documents import CONTACTS, REGIONS, Service, contacts, fastapi


def selected(
    operations: list[Operation],
    answers: dict[str, Answered] | None = None,
    *,
    writes: bool = False,
    environment: tuple[str, ...] = (),
) -> tuple[Selection, Service]:
    service = Service(answers)
    found = select(operations, service, writes=writes, environment=environment, source="x")
    return found, service


def reasons(selection: Selection) -> dict[str, str]:
    return {one.title: one.reason for one in selection.skipped}


def get(path: str, **more: Any) -> Operation:
    return Operation("get", path, f"get_{len(path)}", **more)


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/oders", 404, "it answered 404: check the path"),
        ("/orders/999", 404, "it answered 404: check the path"),
        ("/orders", 400, "it answered 400"),
    ],
)
def test_advice_for_a_named_path_speaks_of_no_document(path: str, status: int, reason: str) -> None:
    operations = path_operations([path])
    selection, _ = selected(operations, {operations[0].title: Answered(status)})
    assert reasons(selection) == {operations[0].title: reason}


def test_without_writes_no_request_changes_anything() -> None:
    selection, service = selected(read_operations(fastapi()))
    assert {title.partition(" ")[0] for title, _ in service.calls} == {"GET"}
    assert [task.operation.title for task in selection.tasks] == [
        "GET /items",
        "GET /items/{item_id}",
        "GET /health",
    ]
    assert set(reasons(selection).values()) == {"it may change data; --writes includes it"}


def test_trial_deletes_only_what_it_created() -> None:
    _, service = selected(read_operations(fastapi()), writes=True)
    assert service.calls[-3:] == [
        ("POST /items", {}),
        ("PATCH /items/{item_id}", {"item_id": 101}),
        ("DELETE /items/{item_id}", {"item_id": 101}),
    ]


def test_without_a_creation_nothing_is_changed_or_deleted() -> None:
    refused = {"POST /items": Answered(500)}
    selection, service = selected(read_operations(fastapi()), refused, writes=True)
    assert [title for title, _ in service.calls if not title.startswith("GET")] == ["POST /items"]
    assert reasons(selection) == {
        "POST /items": "it answered 500",
        "PATCH /items/{item_id}": "no operation creates what it would change",
        "DELETE /items/{item_id}": "no operation creates what it would change",
    }


@pytest.mark.parametrize(
    ("operation", "answer", "reason"),
    [
        (get("/a", problem="it is odd"), Answered(200), "it is odd"),
        (get("/metrics"), Answered(200), "it serves tools, not users"),
        (get("/user/logout"), Answered(200), "by its name, it ends or removes something"),
        (get("/a"), Answered(500), "it answered 500"),
        (get("/a"), Answered(None, problem="it gave no answer: x"), "it gave no answer: x"),
        (
            get("/a"),
            Answered(401),
            "it needs a log-in, which the document does not declare (it answered 401)",
        ),
        (
            get("/a"),
            Answered(422),
            "it answered 422 to the example; put a valid `example` into the document",
        ),
        (
            get("/a/{b}", arguments=(Argument("path", "b", (1,)),)),
            Answered(404),
            "it answered 404: nothing lists or creates its b",
        ),
        (
            get("/a/{b}"),
            Answered(200),
            "nothing lists or creates its b, and the document has no example of it",
        ),
    ],
)
def test_operation_that_cannot_be_called_says_why(
    operation: Operation, answer: Answered, reason: str
) -> None:
    selection, _ = selected([operation], {operation.title: answer})
    assert (selection.tasks, reasons(selection)) == ((), {operation.title: reason})


def test_login_needs_its_environment_variable() -> None:
    token = Credential("auth", "bearer", "Authorization", ("API_TOKEN",))
    operation = get("/a", credentials=(token,))
    without, service = selected([operation])
    assert (reasons(without), service.calls) == (
        {"GET /a": "it needs a log-in: set API_TOKEN"},
        [],
    )
    wrong, _ = selected([operation], {"GET /a": Answered(401)}, environment=("API_TOKEN",))
    assert reasons(wrong) == {"GET /a": "it answered 401: the value of API_TOKEN is not accepted"}
    right, _ = selected([operation], environment=("API_TOKEN",))
    assert len(right.tasks) == 1


def test_empty_list_is_said() -> None:
    empty = {
        "GET /items": Answered(200, {"items": []}),
        "GET /items/{item_id}": Answered(404),
    }
    selection, _ = selected(read_operations(fastapi()), empty)
    reason = reasons(selection)["GET /items/{item_id}"]
    assert reason == "/items lists nothing: put data into the service"


def test_id_that_was_removed_meanwhile_does_not_hide_the_operation() -> None:
    class Second(Service):
        def __call__(self, operation: Operation, values: Any) -> Answered:
            return (
                Answered(404) if values == {"item_id": 1} else super().__call__(operation, values)
            )

    found = select(
        *(read_operations(fastapi()), Second()), writes=False, environment=(), source="x"
    )
    assert "GET /items/{item_id}" in [task.operation.title for task in found.tasks]


def test_ids_are_found_by_name_where_no_list_stands_above() -> None:
    operations = [get("/users"), get("/orders/of/{user_id}"), get("/users/{user_id}/x")]
    selection, service = selected(operations)
    assert len(selection.tasks) == 3
    assert ("GET /orders/of/{user_id}", {"user_id": 1}) in service.calls


def test_much_slower_operation_is_left_out_and_a_slower_one_is_rare() -> None:
    answers = {
        "GET /a": Answered(200, seconds=0.01),
        "GET /bb": Answered(200, seconds=0.02),
        "GET /ccc": Answered(200, seconds=0.3),
        "GET /dddd": Answered(200, seconds=3.0),
        "GET /eeeee": Answered(200, seconds=0.02),
    }
    selection, _ = selected([get(title.split()[1]) for title in answers], answers)
    assert {task.operation.path: task.weight for task in selection.tasks} == {
        "/a": 3,
        "/bb": 3,
        "/ccc": 1,
        "/eeeee": 3,
    }
    assert "much slower" in reasons(selection)["GET /dddd"]


def test_weights_follow_the_counts_of_a_log() -> None:
    operations = [get("/a", count=200), get("/bb", count=50), get("/ccc", count=1)]
    selection, _ = selected(operations)
    assert [task.weight for task in selection.tasks] == [20, 5, 1]


def test_bodies_get_ids_of_what_is_listed_or_created() -> None:
    selection, service = selected(read_operations(contacts()), CONTACTS, writes=True)
    assert reasons(selection) == {}
    posts = [one for one in service.calls if one[0].startswith("P")]
    assert posts == [
        ("POST /units", {}),
        ("POST /teams", {"unit_id": 101}),
        ("POST /contacts", {"company_id": 1, "regionId": REGIONS[0], "team": 102}),
        ("PUT /contacts/{contact_id}", {"contact_id": 103, "company_id": 1}),
    ]
    (contact,) = (one for one in selection.tasks if one.operation.title == "POST /contacts")
    assert contact.operation.body is not None
    assert contact.operation.body.value == {
        "name": "Example",
        "company_id": PooledId("company_id"),
        "regionId": PooledId("regionId"),
        "team": PooledId("team"),
        "status": "example",
        "home": {"city_id": 77},
    }
    assert contact.notes == (
        "home.city_id may be an id of /eu/cities or /us/cities: the value of the document is sent.",
    )


def body_of(properties: dict[str, Any]) -> RequestBody:
    return RequestBody("json", properties)


@pytest.mark.parametrize(
    ("body", "listed"),
    [
        ({"company_id": 7}, "one"),  # the service has texts
        ({"company_id": "7"}, 1),  # the service has numbers
        ({"company": "Example Ltd"}, "one"),  # a text without `_id` is no id
        ({"company_id": True}, 1),
        ({"companies_id": 7}, 1),
        ({"id": 7}, 1),
    ],
)
def test_field_that_cannot_hold_the_id_keeps_its_value(body: dict[str, Any], listed: Any) -> None:
    operations = [
        get("/companies"),
        Operation("post", "/contacts", "add", body=body_of(body)),
    ]
    answers = {"GET /companies": Answered(200, [{"id": listed}])}
    selection, service = selected(operations, answers, writes=True)
    assert service.calls[-1] == ("POST /contacts", {})
    assert selection.tasks[-1].operation.body == body_of(body)


def test_collection_beside_the_operation_is_meant() -> None:
    operations = [
        get("/v1/companies"),
        get("/v2/companies"),
        Operation("post", "/v2/contacts", "add", body=body_of({"company_id": 7})),
    ]
    answers = {"GET /v2/companies": Answered(200, [{"id": 5}])}
    selection, service = selected(operations, answers, writes=True)
    assert service.calls[-1] == ("POST /v2/contacts", {"company_id": 5})
    assert selection.tasks[-1].notes == ()


def test_value_of_the_document_is_sent_where_the_service_refuses_its_own_id() -> None:
    class Picky(Service):
        def __call__(self, operation: Operation, values: Any) -> Answered:
            answered = super().__call__(operation, values)
            return Answered(422) if "company_id" in values else answered

    operations = [
        get("/companies"),
        Operation("post", "/contacts", "add", body=body_of({"company_id": 7})),
    ]
    service = Picky()
    found = select(operations, service, writes=True, environment=(), source="x")
    assert service.calls[-2:] == [("POST /contacts", {"company_id": 1}), ("POST /contacts", {})]
    assert found.tasks[-1].operation.body == body_of({"company_id": 7})
    assert found.tasks[-1].picks == ()


def test_tasks_whose_ids_come_from_a_failing_request_are_left_out_with_it() -> None:
    selection, _ = selected(read_operations(contacts()), CONTACTS, writes=True)
    left = without(selection, {"POST /units": "3 of 9 requests failed in the short run"})
    gone = {one.title: one.reason for one in left.skipped}
    lost = "its ids come from a request that is left out"
    assert gone == {
        "POST /units": "3 of 9 requests failed in the short run",
        "POST /teams": lost,
        "POST /contacts": lost,
        "PUT /contacts/{contact_id}": lost,
    }
    assert {one.operation.title for one in left.tasks} == {
        one.operation.title for one in selection.tasks
    } - set(gone)
    assert without(selection, {}) == selection
