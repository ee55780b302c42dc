"""Which databases, buckets and queues are the same, whatever password or option a variable gives."""

from __future__ import annotations

import pytest

from sluice.backends import backends, shared

SAME = [
    ("postgresql://app:one@db.example/shop", "postgres://other:two@DB.example:5432/shop?sslmode=require"),
    ("postgresql+psycopg://a@localhost/shop", "postgresql://b@127.0.0.1:5432/shop"),
    ("postgresql:///shop?host=db.example&port=5432", "postgresql://db.example/shop"),
    ("mysql://u:p@db/shop", "mariadb://v:q@db:3306/shop"),
    ("redis://cache:6379/0", "rediss://:secret@cache/0"),
    ("amqp://u:p@mq/orders", "amqps://v:q@mq/orders"),
    ("s3://orders/in", "s3://orders/in/"),
    ("sqlite:////srv/shop.db", "sqlite:////srv/./shop.db"),
]
OTHER = [
    ("postgresql://app@db/shop", "postgresql://app@db/shop_staging"),
    ("postgresql://app@db/shop", "postgresql://app@db:5433/shop"),
    ("redis://cache/0", "redis://cache/1"),
    ("mysql://db/shop", "postgresql://db/shop"),
    ("s3://orders", "s3://orders-staging"),
    ("sqlite:///shop.db", "sqlite:///shop.db"),  # relative: each release has its own folder
    ("https://api.example/v1", "https://api.example/v1"),  # a service that both may call
    ("debug", "debug"),
    ("http://[broken", "http://[broken"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_two_names_of_one_place(one: str, two: str) -> None:
    ((mine, theirs, kind),) = shared({"A_URL": one}, {"B_URL": two})
    assert (mine, theirs) == ("A_URL", "B_URL")
    assert kind


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_two_places(one: str, two: str) -> None:
    assert shared({"A_URL": one}, {"A_URL": two}) == ()


@pytest.mark.parametrize(
    ("name", "kind"), [("ORDERS_BUCKET", "bucket"), ("QUEUE_NAME", "queue"), ("SNS_TOPIC_ARN", "topic")]
)
def test_a_variable_may_say_itself_what_it_names(name: str, kind: str) -> None:
    assert [each.kind for each in backends({name: "orders"})] == [kind]
    assert shared({name: "orders"}, {name: "orders"}) == ((name, name, kind),)
    assert shared({name: "orders"}, {name: "orders-staging"}) == ()
