"""The ORM objects: how they show themselves, and the rules of decision 0025."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session

from sample_app.models import tables
from sample_app.models.base import Base
from sample_app.models.company import Company
from sample_app.models.contact import Contact
from sample_app.models.import_run import ImportRun
from sample_app.models.user import User
from sample_app.repositories.contacts import ContactRepository, _summaries
from sample_app.repositories.seeding import contacts
from sample_app.services.container import Services
from sample_app.settings import SeedSettings

MODELS = sorted((m.class_ for m in Base.registry.mappers), key=lambda model: model.__name__)


@pytest.fixture
def session() -> Iterator[Session]:
    """A database in memory with one contact and its company."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        (row,) = contacts(SeedSettings(rows=1, companies=1))
        session.add(Company(id=1, name="Somewhere"))
        session.add(Contact(**row))
        session.commit()
        session.expunge_all()
        yield session
    engine.dispose()


def test_object_shows_its_key_and_no_personal_data() -> None:
    new = Contact(first_name="Ada", email="ada@example.com", phone="+1-555-0100")
    assert repr(new) == "Contact(not stored)"
    user = User(id=3, email="ada@example.com", password_hash="$argon2id$x", role="reader")
    assert repr(user) == "User(not stored)"


def test_object_shows_itself_without_a_query(session: Session) -> None:
    contact = session.scalars(select(Contact)).one()
    session.commit()  # expires every column
    session.close()
    assert repr(contact) == "Contact(id=1)"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_shows_itself_as_all_do_and_loads_nothing_by_itself(
    model: type[Base],
) -> None:
    assert model.__repr__ is Base.__repr__
    assert model.__name__ in tables.__all__
    lazy = {relation.key: relation.lazy for relation in model.__mapper__.relationships}
    assert set(lazy.values()) <= {"raise", "raise_on_sql"}, lazy


def test_list_row_refuses_the_columns_that_it_did_not_load(session: Session) -> None:
    contact = session.scalars(_summaries()).one()
    assert contact.company.name == "Somewhere"
    assert contact.last_name
    for column in ("notes", "phone", "created_at"):
        with pytest.raises(InvalidRequestError, match="raiseload"):
            getattr(contact, column)


def _mentioned(annotation: object) -> set[object]:
    """A type and all types inside of it."""
    inner = [_mentioned(part) for part in typing.get_args(annotation)]
    return {annotation}.union(*inner) if typing.get_args(annotation) else {annotation}


def _results(service: type) -> Iterator[tuple[str, set[object]]]:
    for name, function in inspect.getmembers(service, inspect.isfunction):
        if not name.startswith("_"):
            yield name, _mentioned(typing.get_type_hints(function).get("return"))


@pytest.mark.parametrize("field", typing.get_type_hints(Services).items(), ids=lambda f: str(f[0]))
def test_service_returns_no_orm_object(field: tuple[str, type]) -> None:
    results = dict(_results(field[1]))
    assert results
    assert {name for name, types in results.items() if types & set(MODELS)} == set()


def test_repository_that_returns_an_orm_object_would_be_noticed() -> None:
    noticed = {name for name, types in _results(ContactRepository) if types & set(MODELS)}
    assert {"page", "search", "after", "get"} <= noticed
    assert ImportRun in MODELS
