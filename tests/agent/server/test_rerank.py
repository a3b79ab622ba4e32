"""/v1/rerank, asked by Cohere's own clients and over plain HTTP."""

from __future__ import annotations

import json
from typing import Any

import cohere
import pytest

from passel.agent.server.limits import Limits

QUESTION = "Who built the Tarn Light?"
LIGHT = "The Tarn Light is a lighthouse that Mirel Ostane built in 1840."
OTHERS = ["Brackwater is a town of 4,100 people.", "Geese are kept on the western meadows.", "The bridge was finished in 1799."]


def test_coheres_v2_client(served: Any) -> None:
    client = cohere.ClientV2(api_key="not needed", base_url=served.url)
    answer = client.rerank(model="pointwise", query=QUESTION, documents=[*OTHERS, LIGHT], top_n=3)
    assert answer.results[0].index == 3
    assert len(answer.results) == 3
    scores = [result.relevance_score for result in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_coheres_v1_client(served: Any) -> None:
    client = cohere.Client(api_key="not needed", base_url=served.url)
    answer = client.rerank(model="selector", query=QUESTION, documents=[{"text": LIGHT, "title": "Tarn Light"}, *({"text": text} for text in OTHERS)])
    assert [result.index for result in answer.results] == [0]


def test_the_selector_may_choose_fewer_than_top_n_and_none_at_all(served: Any) -> None:
    with served.client() as http:
        body = {"model": "selector", "query": QUESTION, "documents": [*OTHERS, LIGHT], "top_n": 4, "return_documents": True}
        chosen = http.post("/v1/rerank", json=body).json()
        assert 1 <= len(chosen["results"]) < 4
        assert chosen["results"][0]["document"]["text"] == LIGHT
        assert chosen["stop_reason"]
        assert chosen["usage"]["total_tokens"] > 10
        none = http.post("/v1/rerank", json={**body, "documents": OTHERS[1:]})
        assert (none.status_code, none.json()["results"]) == (200, [])
        empty = http.post("/v1/rerank", json={**body, "documents": []})
        assert (empty.status_code, empty.json()["results"]) == (200, [])


def test_equal_and_odd_documents_keep_their_places(served: Any) -> None:
    documents = ["", " \n", LIGHT, LIGHT, "\x00", "🜚 é", "<script>alert(1)</script>", LIGHT * 200]
    with served.client() as http:
        answer = http.post("/v1/rerank", json={"model": "pointwise", "query": QUESTION, "documents": documents})
        assert answer.status_code == 200
        assert sorted(result["index"] for result in answer.json()["results"]) == list(range(len(documents)))
        answer = http.post("/v1/rerank", json={"model": "selector", "query": QUESTION, "documents": documents})
        places = [result["index"] for result in answer.json()["results"]]
        assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": "rerank-v3.5"}, "model"),
        ({"query": ""}, "query"),
        ({"query": "q" * 9_000}, "query"),
        ({"documents": None}, "documents"),
        ({"documents": [{"title": "no text"}]}, None),
        ({"documents": ["a"] * 21}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"documents": ["\ud800"]}, None),
    ],
)
def test_a_bad_body_is_a_400(start: Any, change: dict[str, Any], param: str | None) -> None:
    served = start(limits=Limits(passages=20))
    with served.client() as http:
        body = json.dumps({"query": QUESTION, "documents": [LIGHT], **change})
        answer = http.post("/v1/rerank", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    if param:
        assert answer.json()["error"]["param"] == param
