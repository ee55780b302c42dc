"""What all tables share: column types by annotation, names of constraints, and the checks that refuse nonsense."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Date, DateTime, Double, Identity, MetaData, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column
from sqlalchemy.schema import SchemaItem

NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}

UuidText = Annotated[str, "uuid"]  # a UUID that is text in Python
Json = dict[str, Any]
Texts = list[str]
Numbers = list[float]


class Base(DeclarativeBase):
    """Base of all models: texts are `text`, times `timestamptz`, seconds `double precision`, counts `bigint`."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text,
        int: BigInteger,
        float: Double,
        bool: Boolean,
        datetime: DateTime(timezone=True),
        date: Date,
        Json: JSONB(none_as_null=True),
        Texts: ARRAY(Text),
        Numbers: ARRAY(Double),
        UuidText: UUID(as_uuid=False),
    }


def column(comment: str, *items: SchemaItem, **options: Any) -> MappedColumn[Any]:
    """Return a column with its comment, which becomes its documentation."""
    return mapped_column(*items, comment=comment, **options)


def key(comment: str) -> MappedColumn[Any]:
    """Return a primary key column that the database numbers."""
    return mapped_column(Identity(always=True), primary_key=True, comment=comment)


def written_at(comment: str) -> MappedColumn[Any]:
    """Return a column that the database's clock fills when the row is written."""
    return mapped_column(server_default=text("clock_timestamp()"), comment=comment)


def one_of(name: str, values: Iterable[str]) -> CheckConstraint:
    """Refuse any other text in column `name`."""
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{name} IN ({allowed})", name=name)


def sane(*names: str) -> list[CheckConstraint]:
    """Refuse negative, infinite and not-a-number in columns of seconds, rates and other measures."""
    return [CheckConstraint(f"{name} >= 0 AND {name} < 'Infinity'", name=name) for name in names]


def count(*names: str) -> list[CheckConstraint]:
    """Refuse negative numbers in columns of counts and bytes."""
    return [CheckConstraint(f"{name} >= 0", name=name) for name in names]


def in_order(start: str, end: str) -> CheckConstraint:
    """Refuse an end before its start."""
    return CheckConstraint(f"{end} >= {start}", name=f"{end}_after_{start}")


def sha256(name: str) -> CheckConstraint:
    """Refuse what is no hex SHA-256."""
    return CheckConstraint(f"{name} ~ '^[0-9a-f]{{64}}$'", name=name)


def digest(name: str) -> CheckConstraint:
    """Refuse what is no digest of a release (`sha256:…`)."""
    return CheckConstraint(f"{name} ~ '^sha256:[0-9a-f]{{64}}$'", name=name)


def commit(name: str) -> CheckConstraint:
    """Refuse what is no full commit hash."""
    return CheckConstraint(f"{name} ~ '^[0-9a-f]{{40}}([0-9a-f]{{24}})?$'", name=name)
