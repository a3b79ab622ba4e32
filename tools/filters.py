"""Filters: which passages a search may see, in Chroma's `where` form, and the same filter as SQL.

{"tenant": "a"} · {"year": {"$gte": 1990}} · {"tenant": {"$in": ["a", "b"]}} · {"$and": [...]} · {"$or": [...]};
several keys (or operators) at one level mean "and". "source" is reserved: it is the passage's source id, never metadata.

Types are kept apart as Chroma keeps them: 1 and 1.0 are equal, True and "1" are neither. A passage without the key passes `$ne` and `$nin`
and nothing else. The SQL form decides; the Chroma form is for speed and lets through the same passages and, where a fraction is compared with
whole numbers, a few more: Chroma cuts its fraction off (in 1.5.9: 1.5 equals 1, and 1 is not less than 1.5).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import UsageError
from .passage import Scalar

Filter = Mapping[str, Any]

_ORDER = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_LISTED = "(SELECT value FROM json_each(?))"  # a list of any length in one parameter
_OPERATORS = ("$eq", "$ne", "$in", "$nin", *_ORDER)


def filterable(key: str) -> bool:
    """Whether a metadata key can be filtered on: Chroma and SQLite's JSON paths leave few names out."""
    return bool(key) and key.isprintable() and not key.startswith(("$", "#", "chroma:")) and '"' not in key and "\\" not in key


def to_chroma(filters: Filter) -> dict[str, Any]:
    """One key, one operator, one type a level, as Chroma's `where` asks for; lets through at least what `to_sql` does.

    Raises UsageError for a filter that is none or is empty.
    """
    parts = [_group_to_chroma(key, value) if key in ("$and", "$or") else _key_to_chroma(key, value) for key, value in _items(filters)]
    return _joined("$and", parts)


def to_sql(filters: Filter) -> tuple[str, list[Scalar]]:
    """A boolean expression over `p.source` and the JSON column `p.metadata`, and its parameters. Raises UsageError."""
    expressions: list[str] = []
    values: list[Scalar] = []
    for key, value in _items(filters):
        if key in ("$and", "$or"):
            parts = [to_sql(part) for part in _group(key, value)]
            expression = f" {key[1:].upper()} ".join(part for part, _ in parts)
            parameters = [parameter for _, given in parts for parameter in given]
        else:
            conditions = [_condition_to_sql(key, operator, operand) for operator, operand in _conditions(key, value)]
            expression = " AND ".join(part for part, _ in conditions)
            parameters = [parameter for _, given in conditions for parameter in given]
        expressions.append(f"({expression})")
        values += parameters
    return f"({' AND '.join(expressions)})", values


def fields(filters: Filter) -> list[str]:
    """The metadata fields that a filter asks of. Raises UsageError."""
    found: dict[str, None] = {}
    for key, value in _items(filters):
        inside = [name for part in _group(key, value) for name in fields(part)] if key in ("$and", "$or") else [key]
        found |= dict.fromkeys(inside)
    return [name for name in found if name != "source"]


# ---- reading the filter ----


def _items(filters: Filter) -> list[tuple[str, Any]]:
    if not isinstance(filters, Mapping) or not filters:
        raise UsageError(f"a filter must be a non-empty mapping such as {{'year': {{'$gte': 1990}}}}, not {filters!r}")
    for key in filters:
        if key not in ("$and", "$or") and not (isinstance(key, str) and filterable(key)):
            raise UsageError(f"filter: {key!r} is no name of a metadata field", "Groups are written $and and $or; operators stand under a field.")
    return list(filters.items())


def _group(key: str, value: Any) -> Sequence[Filter]:
    if not isinstance(value, list | tuple) or not value:
        raise UsageError(f"filter: {key} needs a non-empty list of filters, not {value!r}")
    return value


def _conditions(key: str, value: Any) -> list[tuple[str, Any]]:
    """(operator, operand) pairs on one field, checked."""
    if not isinstance(value, Mapping):
        value = {"$eq": value}
    if not value:
        raise UsageError(f"filter on {key!r}: an operator is missing, one of {', '.join(_OPERATORS)}")
    for operator, operand in value.items():
        if operator not in _OPERATORS:
            raise UsageError(f"filter on {key!r}: {operator!r} is no operator", f"Operators are {', '.join(_OPERATORS)}.")
        if operator in ("$in", "$nin"):
            if not isinstance(operand, list | tuple) or not operand:
                raise UsageError(f"filter on {key!r}: {operator} needs a non-empty list, not {operand!r}")
            for one in operand:
                _check_scalar(key, one)
        else:
            _check_scalar(key, operand)
            if operator in _ORDER and (key == "source" or isinstance(operand, str | bool)):
                raise UsageError(f"filter on {key!r}: {operator} compares numbers only, not {operand!r}")
    return list(value.items())


def _check_scalar(key: str, value: Any) -> None:
    if isinstance(value, str):
        fits = not any("\ud800" <= char <= "\udfff" or char == "\0" for char in value)
    elif isinstance(value, int):
        fits = -(2**63) <= value < 2**63
    else:
        fits = isinstance(value, float) and math.isfinite(value)
    if not fits or (key == "source" and not isinstance(value, str)):
        kinds = "a text" if key == "source" else "a text, a finite number or true/false"
        raise UsageError(f"filter on {key!r}: {value!r} is not {kinds}")


# ---- SQL ----


def _condition_to_sql(key: str, operator: str, operand: Any) -> tuple[str, list[Scalar]]:
    if operator in ("$ne", "$nin"):
        expression, parameters = _condition_to_sql(key, "$in" if operator == "$nin" else "$eq", operand)
        return f"NOT {expression}", parameters
    if key == "source":
        return f"(p.source IN {_LISTED})", [json.dumps(operand if operator == "$in" else [operand])]
    path = f'$."{key}"'
    typed = "(ifnull(json_type(p.metadata, ?), '') IN ({}) AND json_extract(p.metadata, ?) {})"
    if operator in _ORDER:
        return typed.format("'integer', 'real'", f"{_ORDER[operator]} ?"), [path, path, operand]
    parts, parameters = [], []
    for types, chosen in _by_type(operand if operator == "$in" else [operand]).items():
        parts.append(typed.format(types, f"IN {_LISTED}"))
        parameters += [path, path, json.dumps(chosen)]
    return f"({' OR '.join(parts)})", parameters


def _by_type(values: Sequence[Scalar]) -> dict[str, list[Scalar]]:
    """Values under the JSON types they may equal; booleans come out of `json_extract` as 0 and 1."""
    groups: dict[str, list[Scalar]] = {}
    for value in values:
        types = "'text'" if isinstance(value, str) else "'true', 'false'" if isinstance(value, bool) else "'integer', 'real'"
        groups.setdefault(types, []).append(value)
    return groups


# ---- Chroma ----


def _joined(operator: str, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Chroma refuses a group of one."""
    return parts[0] if len(parts) == 1 else {operator: list(parts)}


def _group_to_chroma(key: str, value: Any) -> dict[str, Any]:
    return _joined(key, [to_chroma(part) for part in _group(key, value)])


def _key_to_chroma(key: str, value: Any) -> dict[str, Any]:
    return _joined("$and", [_condition_to_chroma(key, operator, operand) for operator, operand in _conditions(key, value)])


def _condition_to_chroma(key: str, operator: str, operand: Any) -> dict[str, Any]:
    if operator in ("$in", "$nin"):
        return _list_to_chroma(key, operator, operand)
    if _is_fraction(operand):
        if operator == "$ne":
            return {"$or": [{key: {"$ne": operand}}, {key: {"$eq": int(operand)}}]}
        operator = {"$gt": "$gte", "$lt": "$lte"}.get(operator, operator)
    return {key: {operator: operand}}


def _list_to_chroma(key: str, operator: str, operand: Sequence[Scalar]) -> dict[str, Any]:
    fractions = [one for one in operand if operator == "$nin" and _is_fraction(one)]
    groups: dict[type, list[Scalar]] = {}
    for one in operand:
        if one not in fractions:
            groups.setdefault(type(one), []).append(one)
    parts = [{key: {operator: chosen}} for chosen in groups.values()]
    parts += [_condition_to_chroma(key, "$ne", fraction) for fraction in fractions]
    return _joined("$or" if operator == "$in" else "$and", parts)


def _is_fraction(value: Scalar) -> bool:
    return isinstance(value, float) and not value.is_integer()
