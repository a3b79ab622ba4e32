"""Figures and names are written the same way in every report."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.evals.report.cells import cell, clean, data_sets, duration, escaped, figure, heading, interval, name, places, plain, title, written
from passel.evals.result import Estimate


@pytest.mark.parametrize(
    ("key", "words"),
    [("support_f1", "support F1"), ("ndcg@10", "nDCG@10"), ("em", "EM"), ("auroc", "AUROC"), ("evidence tokens", "evidence tokens"), ("", "")],
)
def test_names_are_words(key: str, words: str) -> None:
    assert name(key) == words


def test_titles_begin_large_unless_the_field_writes_them_small() -> None:
    assert title("support_f1") == "Support F1"
    assert title("ndcg@10") == "nDCG@10"


def test_three_decimals_and_one_where_a_column_reaches_a_hundred() -> None:
    assert places([0.5, Estimate(0.7, 0.6, 0.8), None, 400]) == 3  # a whole number has no decimals to begin with
    assert places([0.5, Estimate(212.4, 200.0, 220.0)]) == 1
    assert cell(Estimate(0.7311, 0.7, 0.76), 3) == "0.731"
    assert interval(Estimate(0.7311, 0.7023, 0.758), 3) == "[0.702, 0.758]"
    assert cell(12345, 3) == "12,345"
    assert cell(1204.56, 1) == "1,204.6"
    assert cell(None, 3) == "–"
    assert cell("knee", 3) == "knee"


def test_no_minus_zero_and_no_nan() -> None:
    assert figure(-0.0001, 3) == "0.000"
    assert figure(-0.001, 3) == "-0.001"
    assert figure(math.nan, 3) == "–"
    assert cell(math.inf, 3) == "–"
    assert duration(math.nan) == "–"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_a_figure_reads_back(value: float) -> None:
    assert float(figure(value, 3).replace(",", "")) == pytest.approx(value, abs=0.00051)
    assert not figure(value, 3).startswith("-0.000 ")


def test_durations_and_plain_figures() -> None:
    assert [duration(ms) for ms in (3.71, 41.2, 1204.0, 12_400.0)] == ["3.7 ms", "41 ms", "1,204 ms", "12.4 s"]
    assert [plain(value) for value in (3.0, 0.25, 1204.56)] == ["3", "0.250", "1,204.6"]


def test_settings_in_words() -> None:
    assert written({"name": "harbour", "questions": 12}) == "name harbour, questions 12"
    assert written([{"name": "a"}, {"name": "b"}]) == "name a; name b"
    assert written(["fixed", "knee"]) == "fixed, knee"
    assert (written(None), written(True), written(20261121)) == ("–", "yes", "20261121")


def test_the_heading_names_the_data() -> None:
    assert heading("selection", {"data": {"name": "harbour/dev"}}) == "Selection on harbour/dev"
    assert heading("qa", {"data": [{"name": "a"}, "b", {"name": "c"}]}) == "QA on a, b and c"
    assert heading("abstain", {}) == "Abstain"
    assert data_sets({"data": "one"}) == ["one"]


def test_what_could_move_a_cursor_or_end_an_attribute_is_gone() -> None:
    assert clean("a\x1b[31m\u202eb\nc\ud800") == "a�[31m�b c�"
    assert escaped("<b a=\"x\">'&") == "&lt;b a=&quot;x&quot;&gt;&#x27;&amp;"
