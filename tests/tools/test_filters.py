"""Both forms of a filter must let through the same passages: a small model in Python, SQLite and a real Chroma collection are compared."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passel.tools.errors import UsageError
from passel.tools.filters import fields as asked_of
from passel.tools.filters import filterable, to_chroma, to_sql

METADATA: list[dict[str, Any]] = [
    {"tenant": "a", "year": 1990},
    {"tenant": "a", "year": 1990.0, "open": True},
    {"tenant": "b", "year": 2001.5, "open": False},
    {"tenant": "b", "year": "1990"},
    {"tenant": "1", "year": 1},
    {"tenant": 1, "open": 1},
    {"tenant": True, "open": 0},
    {"a.b": "x", "é c": 2**62, "o'k": ""},
    {"year": -5, "o'k": "a"},
    {"year": 2},
    {"year": -1},
    {},
]
KEYS = ["tenant", "year", "open", "a.b", "é c", "o'k", "absent"]
OPERANDS = [value for metadata in METADATA for value in metadata.values()] + [0, 2, 2.5, -1.5, "z", False]


def same(one: Any, other: Any) -> bool:
    kind = {bool: "bool", int: "number", float: "number", str: "text"}
    return kind[type(one)] == kind[type(other)] and one == other


def passes(filters: dict[str, Any], source: str, metadata: dict[str, Any]) -> bool:
    """The meaning, in plain Python."""
    record = {**metadata, "source": source}

    def condition(key: str, operator: str, operand: Any) -> bool:
        found = [record[key]] if key in record else []
        if operator in ("$eq", "$ne"):
            return any(same(value, operand) for value in found) == (operator == "$eq")
        if operator in ("$in", "$nin"):
            return any(same(value, one) for value in found for one in operand) == (operator == "$in")
        numbers = [value for value in found if type(value) in (int, float)]
        return any({"$gt": v > operand, "$gte": v >= operand, "$lt": v < operand, "$lte": v <= operand}[operator] for v in numbers)

    def level(key: str, value: Any) -> bool:
        if key == "$and":
            return all(passes(part, source, metadata) for part in value)
        if key == "$or":
            return any(passes(part, source, metadata) for part in value)
        return all(condition(key, operator, operand) for operator, operand in (value if isinstance(value, dict) else {"$eq": value}).items())

    return all(level(key, value) for key, value in filters.items())


def has_fraction(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(has_fraction(part) for part in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and not value.is_integer()


scalars = st.sampled_from(OPERANDS)
numbers = st.one_of(st.integers(-10, 2100), st.floats(-10, 2100))
conditions = st.one_of(
    scalars,
    st.dictionaries(st.sampled_from(["$eq", "$ne"]), scalars, min_size=1),
    st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(scalars, min_size=1, max_size=4), min_size=1),
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), numbers, min_size=1),
)
source_conditions = st.one_of(st.sampled_from(["s1", "s2"]), st.fixed_dictionaries({"$nin": st.lists(st.sampled_from(["s1", "s2"]), min_size=1)}))
fields = st.dictionaries(st.sampled_from(KEYS), conditions, min_size=1, max_size=2) | st.fixed_dictionaries({"source": source_conditions})
groups = st.sampled_from(["$and", "$or"])
filters_ = st.recursive(fields, lambda parts: st.dictionaries(groups, st.lists(parts, min_size=1, max_size=3), min_size=1), max_leaves=4)


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE passages (rowid INTEGER PRIMARY KEY, source TEXT, metadata TEXT)")
    rows = [(i, f"s{i % 3}", json.dumps(metadata, ensure_ascii=False)) for i, metadata in enumerate(METADATA)]
    connection.executemany("INSERT INTO passages VALUES (?, ?, ?)", rows)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import chromadb
    from chromadb.config import Settings

    folder: Path = tmp_path_factory.mktemp("chroma")
    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    made = client.create_collection("passages", embedding_function=None)
    made.upsert(
        ids=[str(i) for i in range(len(METADATA))],
        embeddings=[[1.0, i] for i in range(len(METADATA))],
        metadatas=[{**metadata, "source": f"s{i % 3}"} for i, metadata in enumerate(METADATA)],
    )
    yield made
    client.close()


@given(filters=filters_)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_chroma_and_the_meaning_agree(filters: dict[str, Any], database: sqlite3.Connection, collection: Any) -> None:
    expected = {i for i, metadata in enumerate(METADATA) if passes(filters, f"s{i % 3}", metadata)}
    expression, parameters = to_sql(filters)
    assert {row for (row,) in database.execute(f"SELECT rowid FROM passages p WHERE {expression}", parameters)} == expected
    found = {int(one) for one in collection.get(where=to_chroma(filters), include=[])["ids"]}
    assert found >= expected
    assert found == expected or has_fraction(filters)


def test_several_keys_mean_and() -> None:
    assert to_chroma({"tenant": "a", "year": {"$gte": 1990, "$lt": 2000}}) == {
        "$and": [{"tenant": {"$eq": "a"}}, {"$and": [{"year": {"$gte": 1990}}, {"year": {"$lt": 2000}}]}]
    }


@pytest.mark.parametrize(
    "filters",
    [
        {},
        [],
        {"tenant": None},
        {"tenant": {}},
        {"tenant": {"$like": "a"}},
        {"tenant": {"$in": []}},
        {"tenant": {"$in": "ab"}},
        {"tenant": {"$in": [["a"]]}},
        {"tenant": {"$gt": "a"}},
        {"tenant": {"$gt": True}},
        {"year": float("nan")},
        {"year": 2**63},
        {"tenant": "\ud800"},
        {"$and": []},
        {"$and": {"tenant": "a"}},
        {"$and": [{}]},
        {"$not": {"tenant": "a"}},
        {"source": 3},
        {"source": {"$gt": 3}},
        {'a"b': 1},
        {"": 1},
        {3: 1},
    ],
)
def test_a_bad_filter_is_one_clear_line(filters: Any) -> None:
    for convert in (to_chroma, to_sql):
        with pytest.raises(UsageError) as caught:
            convert(filters)
        assert "filter" in str(caught.value)
        assert "\n" not in str(caught.value)


@given(key=st.text(max_size=5), value=st.one_of(st.text(max_size=5), st.integers(), st.floats(), st.booleans(), st.none()))
def test_any_key_and_value_is_sql_or_a_usage_error(key: str, value: Any) -> None:
    try:
        expression, parameters = to_sql({key: value})
    except UsageError:
        return
    assert filterable(key)
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE passages (source TEXT, metadata TEXT)")
    database.execute("INSERT INTO passages VALUES (?, ?)", (value if key == "source" else "s", json.dumps({key: value}, ensure_ascii=False)))
    assert database.execute(f"SELECT count(*) FROM passages p WHERE {expression}", parameters).fetchone() == (1,)
    database.close()


def test_a_list_may_be_long() -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE passages (source TEXT, metadata TEXT)")
    database.execute("INSERT INTO passages VALUES ('s7', '{\"n\": 70000}')")
    for filters in ({"source": {"$in": [f"s{i}" for i in range(100_000)]}}, {"n": {"$in": list(range(100_000))}}):
        expression, parameters = to_sql(filters)
        assert database.execute(f"SELECT count(*) FROM passages p WHERE {expression}", parameters).fetchone() == (1,)
    database.close()


def test_the_fields_that_a_filter_asks_of() -> None:
    nested = {"$and": [{"source": "x"}, {"tenant": "b"}, {"open": True}]}
    assert asked_of({"tenant": "a", "$or": [{"year": {"$gte": 1990}}, nested]}) == ["tenant", "year", "open"]
    with pytest.raises(UsageError, match="\\$or"):
        asked_of({"$or": []})
