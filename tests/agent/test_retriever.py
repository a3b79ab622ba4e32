"""Agent.as_retriever: LangChain's own suite."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.retrievers import BaseRetriever
from langchain_tests.integration_tests import RetrieversIntegrationTests

from passel.agent.agent import Agent
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.retriever import PasselRetriever


class TestStandard(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _over(self, tarn: Path) -> Iterator[None]:
        with Corpus.open(tarn) as self.corpus:
            yield

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return PasselRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"corpus": self.corpus}

    @property
    def retriever_query_example(self) -> str:
        return "Who built the Tarn Light?"


def test_the_agents_retriever_and_compressor_are_the_graphs_search_and_select(agent: Agent) -> None:
    question = "Who built the Tarn Light?"
    documents = agent.as_retriever(k=50).invoke(question)
    chosen = agent.as_compressor().compress_documents(documents, question)
    selected = agent.ask(question, evidence_only=True).selected
    assert [document.id for document in chosen] == [passage.passage_id for passage in selected] != []
    assert [document.metadata["relevance_score"] for document in chosen] == pytest.approx([passage.relevance for passage in selected], abs=0.02)
    with tempfile.TemporaryDirectory() as folder, Corpus.open(Path(folder) / "c", create=True) as corpus:
        corpus.add(Document.from_text(f"Goose {n} eats grass in field {n}.", source=str(n)) for n in range(70))
        assert len(PasselRetriever(corpus=corpus, k=60).invoke("What does a goose eat?")) == 60
    assert agent.as_retriever(filters={"source": "mirel"}).invoke(question)[0].metadata["source"] == "mirel"
