"""Passel's selector behind any retriever: how many documents come back depends on the question. `python select_after_search.py`"""

from __future__ import annotations

from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from passel import Agent

DOCUMENTS = [
    {"title": "Tarn Light", "text": "The Tarn Light is a lighthouse that Mirel Ostane built in 1840. It stands 39 metres high."},
    {"title": "Mirel Ostane", "text": "Mirel Ostane was an engineer, born in Brackwater in 1811. She died in 1879."},
    {"title": "Brackwater", "text": "Brackwater is a town of 4,100 people. Its bridge was finished in 1799 by Aldo Kreen."},
]


def main(question: str) -> list[Document]:
    with Agent.from_documents(DOCUMENTS) as passel:
        retriever, compressor = passel.as_retriever(k=50), passel.as_compressor()
        chain = RunnablePassthrough.assign(documents=lambda given: retriever.invoke(given["question"])) | RunnableLambda(
            lambda found: list(compressor.compress_documents(found["documents"], found["question"]))
        )
        return chain.invoke({"question": question})


if __name__ == "__main__":
    for document in main("Who built the Tarn Light?"):
        print(f"{document.metadata['relevance_score']:.2f}  {document.metadata['title']}")
