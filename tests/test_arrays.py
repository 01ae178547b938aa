"""Columns sent to PostgreSQL as text arrive as they were."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url

from ledger import arrays

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
INTEGER = st.integers(-(2**63), 2**63 - 1)
TYPES = [("text", TEXT), ("bigint", INTEGER), ("boolean", st.booleans()), ("bytea", st.binary())]


@pytest.mark.parametrize(("kind", "value"), TYPES, ids=[kind for kind, _ in TYPES])
def test_every_value_comes_back_as_it_went(empty_postgresql_url: str, kind: str, value: Any) -> None:
    """Quotes, backslashes, braces, commas, the word NULL and the ends of the ranges survive the way."""
    plain = make_url(empty_postgresql_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:

        @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(st.lists(value | st.none(), min_size=1))
        def there_and_back(values: list[Any]) -> None:
            query = f"SELECT v FROM unnest(%s::{kind}[]) WITH ORDINALITY AS a(v, n) ORDER BY n"
            assert [row[0] for row in connection.execute(query, [arrays.literal(values)])] == values

        there_and_back()


def test_words_that_sql_knows_are_only_words() -> None:
    """NULL, true and an empty text are quoted where they are texts."""
    assert arrays.literal(["NULL", "", "true", None]) == '{"NULL","","true",NULL}'
