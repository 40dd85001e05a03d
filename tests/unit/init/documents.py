"""OpenAPI documents as services write them, and a service that answers their operations."""

from collections.abc import Mapping
from typing import Any

from harness.init.model import Answered, Operation


def fastapi() -> dict[str, Any]:
    """As FastAPI writes it: generated identifiers, `anyOf` with null, answers without a schema."""
    number = {"type": "integer", "title": "Item Id"}
    path = {"name": "item_id", "in": "path", "required": True, "schema": number}
    limit = {
        "name": "limit",
        "in": "query",
        "required": False,
        "schema": {"type": "integer", "default": 10},
    }
    new = {
        "type": "object",
        "title": "NewItem",
        "required": ["name", "tags"],
        "properties": {
            "name": {"type": "string", "maxLength": 40, "title": "Name"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Note"},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        },
    }
    body = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewItem"}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "shop", "version": "1"},
        "paths": {
            "/items": {
                "get": {
                    "summary": "List Items",
                    "operationId": "list_items_items_get",
                    "parameters": [limit],
                },
                "post": {
                    "summary": "Create Item",
                    "operationId": "create_item_items_post",
                    "requestBody": body,
                },
            },
            "/items/{item_id}": {
                "get": {"operationId": "get_item_items__item_id__get", "parameters": [path]},
                "patch": {
                    "operationId": "update_item_items__item_id__patch",
                    "parameters": [path],
                    "requestBody": body,
                },
                "delete": {
                    "operationId": "delete_item_items__item_id__delete",
                    "parameters": [path],
                },
            },
            "/health": {"get": {"operationId": "health_health_get"}},
        },
        "components": {"schemas": {"NewItem": new}},
    }


def swagger_2() -> dict[str, Any]:
    """As older services write it, with an API key, a base path and a form."""
    return {
        "swagger": "2.0",
        "info": {"title": "pets", "version": "1"},
        "basePath": "/v2",
        "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
        "security": [{"key": []}],
        "paths": {
            "/pets": {
                "get": {
                    "operationId": "listPets",
                    "produces": ["application/json"],
                    "parameters": [
                        {
                            "name": "status",
                            "in": "query",
                            "required": True,
                            "type": "array",
                            "items": {"type": "string", "enum": ["available", "sold"]},
                        }
                    ],
                },
                "post": {
                    "operationId": "addPet",
                    "parameters": [
                        {"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Pet"}}
                    ],
                },
            },
            "/pets/{petId}": {
                "get": {
                    "operationId": "getPet",
                    "parameters": [
                        {"name": "petId", "in": "path", "required": True, "type": "integer"}
                    ],
                },
                "post": {
                    "operationId": "renamePet",
                    "parameters": [
                        {"name": "petId", "in": "path", "required": True, "type": "integer"},
                        {"name": "name", "in": "formData", "required": True, "type": "string"},
                    ],
                },
            },
        },
        "definitions": {
            "Pet": {
                "type": "object",
                "required": ["name", "owner"],
                "properties": {
                    "id": {"type": "integer", "readOnly": True},
                    "name": {"type": "string", "example": "Rex"},
                    "owner": {"$ref": "#/definitions/Owner"},
                },
            },
            "Owner": {
                "type": "object",
                "required": ["email"],
                "properties": {"email": {"type": "string", "format": "email"}},
            },
        },
    }


def nested() -> dict[str, Any]:
    """Ids of two levels, a log-in with a password, and operations that cannot be called."""
    user = {"name": "user_id", "in": "path", "required": True, "schema": {"type": "string"}}
    post = {"name": "post-id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "blog", "version": "1"},
        "servers": [{"url": "https://blog.example.com/api"}],
        "components": {
            "securitySchemes": {
                "login": {
                    "type": "oauth2",
                    "flows": {"password": {"tokenUrl": "/api/token", "scopes": {}}},
                }
            },
            "schemas": {"Tree": {"allOf": [{"$ref": "#/components/schemas/Tree"}]}},
        },
        "paths": {
            "/users": {"get": {"summary": 'Everybody\'s "public" name'}},
            "/users/{user_id}/posts": {
                "parameters": [user],
                "get": {"security": [{"login": []}]},
                "post": {
                    "security": [{"login": []}],
                    "requestBody": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "oneOf": [
                                        {
                                            "type": "object",
                                            "required": ["slug"],
                                            "properties": {"slug": {"type": "string"}},
                                        }
                                    ]
                                }
                            }
                        }
                    },
                },
            },
            "/users/{user_id}/posts/{post-id}": {
                "parameters": [user, post],
                "get": {"security": [{"login": []}]},
                "put": {
                    "requestBody": {
                        "content": {"application/json": {"schema": {"example": {"a": 1}}}}
                    }
                },
                "delete": {"security": [{"login": []}]},
            },
            "/trees": {
                "get": {
                    "parameters": [
                        {
                            "name": "tree",
                            "in": "query",
                            "required": True,
                            "schema": {"$ref": "#/components/schemas/Tree"},
                        }
                    ]
                }
            },
            "/elsewhere": {
                "get": {
                    "parameters": [{"$ref": "https://example.com/parameters.json#/a"}],
                }
            },
            "/old": {"get": {"deprecated": True}},
            "/events": {
                "get": {"responses": {"200": {"content": {"text/event-stream": {}}}}},
            },
            "/logout": {"get": {}},
            "/token": {"post": {}},
            "/upload": {
                "post": {"requestBody": {"content": {"multipart/form-data": {"schema": {}}}}}
            },
        },
    }


def contacts() -> dict[str, Any]:
    """Bodies with ids of other resources: listed, only created, of two meanings, and nested."""

    def body(properties: dict[str, Any]) -> dict[str, Any]:
        schema = {"type": "object", "required": list(properties), "properties": properties}
        return {"required": True, "content": {"application/json": {"schema": schema}}}

    whole = {"type": "integer", "example": 77}
    contact = {
        "name": {"type": "string"},
        "company_id": whole,
        "regionId": {"type": "string", "format": "uuid"},
        "team": whole,
        "status": {"type": "string"},
        "home": {"type": "object", "required": ["city_id"], "properties": {"city_id": whole}},
    }
    contact_id = {
        "name": "contact_id",
        "in": "path",
        "required": True,
        "schema": {"type": "integer"},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "crm", "version": "1"},
        "paths": {
            "/contacts": {
                "post": {"operationId": "add_contact", "requestBody": body(contact)},
            },
            "/contacts/{contact_id}": {
                "put": {
                    "operationId": "change_contact",
                    "parameters": [contact_id],
                    "requestBody": body({"contact_id": whole, "company_id": whole}),
                },
            },
            "/companies": {"get": {"operationId": "list_companies"}},
            "/regions": {"get": {"operationId": "list_regions"}},
            "/teams": {
                "post": {"operationId": "add_team", "requestBody": body({"unit_id": whole})}
            },
            "/units": {"post": {"operationId": "add_unit"}},
            "/status": {"get": {"operationId": "get_status"}},
            "/eu/cities": {"get": {"operationId": "eu_cities"}},
            "/us/cities": {"get": {"operationId": "us_cities"}},
        },
    }


REGIONS = ("8c5b6b0e-5a4e-4c57-9a4e-0d6f3f1f2a10", "8c5b6b0e-5a4e-4c57-9a4e-0d6f3f1f2a11")
CONTACTS = {"GET /regions": Answered(200, {"items": [{"id": one} for one in REGIONS]})}


class Service:
    """Answers like a service with two items in each list; it remembers every request.

    Attributes:
        calls: Title and values of each request.
        operations: Of each request.
    """

    def __init__(self, answers: Mapping[str, Answered] | None = None) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.operations: list[Operation] = []
        self._answers = answers or {}
        self._next = 100

    def __call__(self, operation: Operation, values: Mapping[str, Any]) -> Answered:
        self.calls.append((operation.title, dict(values)))
        self.operations.append(operation)
        if operation.title in self._answers:
            return self._answers[operation.title]
        if operation.method == "post":
            self._next += 1
            return Answered(201, {"id": self._next})
        if operation.method == "get" and not operation.path.endswith("}"):
            return Answered(200, {"items": [{"id": 1}, {"id": 2}]})
        return Answered(204 if operation.method == "delete" else 200, {})
