"""JSON in a model's text: found wherever it stands, mended where that is safe, and never invented."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.lenient_json import json_values

STYLES = st.sampled_from([{}, {"indent": 2}, {"ensure_ascii": False}])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


def first(text: str) -> Any:
    return next(json_values(text), None)


def containers(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    values = st.recursive(SCALARS | text, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12)
    return values.filter(lambda value: isinstance(value, dict | list))


def is_part_of(part: Any, whole: Any) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and is_part_of(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(is_part_of, part, whole))
    return type(part) is type(whole) and part == whole


@given(st.text() | st.text(alphabet="{}[]\"',: \\\nabtrue0-1.e`"))
def test_no_text_makes_it_raise_or_return_a_scalar(text: str) -> None:
    assert all(isinstance(value, dict | list) for value in json_values(text))


@given(
    value=containers(st.text()),
    before=st.text().filter(lambda text: not set(text) & set("[{")),
    after=st.text() | st.text(alphabet='{}[]",:'),
    style=STYLES,
)
def test_finds_what_was_written_inside_any_prose(value: Any, before: str, after: str, style: dict[str, Any]) -> None:
    assert first(before + json.dumps(value, **style) + after) == value


@given(value=containers(st.text(alphabet="ab \"'\\,:\né🎉")), share=st.floats(0, 1), style=STYLES)
def test_a_cut_text_gives_a_part_of_the_value_and_nothing_else(value: Any, share: float, style: dict[str, Any]) -> None:
    whole = json.dumps(value, **style)
    found = first(whole[: int(share * len(whole))])
    assert found is None or is_part_of(found, value)


@given(st.lists(containers(st.text()), max_size=4))
def test_several_values_come_in_their_order(values: list[Any]) -> None:
    assert list(json_values(" and then ".join(map(json.dumps, values)))) == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Sure! Here it is: {"a": [1, 2]} Hope that helps.', {"a": [1, 2]}),
        ('{"a": 1, "b": [1, 2,],}', {"a": 1, "b": [1, 2]}),
        ("{'a': 'it''s', 'b': [1]}", {"a": "it''s", "b": [1]}),
        ("{'a': 'the river's end', 'b': None, 'c': True}", {"a": "the river's end", "b": None, "c": True}),
        ('{a: 1, b_2: "x"}', {"a": 1, "b_2": "x"}),
        ('{"a": "She said "no" twice", "b": 2}', {"a": 'She said "no" twice', "b": 2}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ("{'a': '\\u00e9\\ud83c\\udf89 \\n'}", {"a": "é🎉 \n"}),
        ('{"a": [{"q": "one"}, {"q": "two"}', {"a": [{"q": "one"}, {"q": "two"}]}),
        ('{"a": [{"q": "one"}, {"q": "tw', {"a": [{"q": "one"}]}),
        ('{"year": 19', None),
        ('{"year": 1987, "month": 1', {"year": 1987}),
        ('{"done": true, "more": fal', {"done": True}),
        ("[] and no more", []),
        ("[", None),
        ("{see below} [likewise] {'a': 1}", {"a": 1}),
        ("no JSON at all", None),
        ("", None),
        ('{"n": ' + "9" * 5000 + "}", None),
    ],
)
def test_mends_what_models_get_wrong(text: str, value: Any) -> None:
    assert first(text) == value


@pytest.mark.parametrize("text", ["[" * 100_000, '{"' * 10_000, '{"a":' * 20_000, "['" * 50_000, '[1,"' + "x" * 100_000, "{'a': '" + "' " * 50_000])
def test_hostile_texts_end(text: str) -> None:
    assert first(text) is None or len(json.dumps(first(text))) <= len(text) + 2
