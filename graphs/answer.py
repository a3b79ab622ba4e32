"""Answer: the one JSON form in which Passel answers, everywhere (`docs/answer.schema.json` is made from it)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Outcome = Literal["answered", "partial", "abstained", "out_of_budget", "failed"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Citation(_Form):
    """Where a quote of the answer stands: `document(source)[span[0]:span[1]] == quote`."""

    passage_id: str
    title: str
    source: str
    span: tuple[int, int] = Field(description="characters of the quote in the stored converted text of `source`")
    quote: str
    sub_question: str | None = Field(default=None, description="the sub-question it answers; null for the question as a whole")


class Claim(_Form):
    """One of several answers between which sources disagree."""

    answer: str
    citations: list[int] = Field(description="the numbers that stand behind it in the text: places in `citations`, from 1")


class SelectedPassage(_Form):
    passage_id: str
    title: str
    text: str
    relevance: Probability = Field(description="P(it is evidence), given question and list")


class CandidatePassage(_Form):
    passage_id: str
    title: str
    text: str
    channels: list[str]
    score: float = Field(description="reciprocal rank fusion over all lists in which it was found")
    relevance: Probability | None = Field(default=None, description="P(it is evidence); null where the selector did not judge it")


class SubQuestion(_Form):
    """One step of the plan. "#1" in `question` stands for the answer of sub-question 1."""

    id: int
    question: str
    depends_on: list[int] = []
    answer: str | None = None


class Query(_Form):
    """A query that was searched, and why."""

    query: str
    reason: Literal["question", "sub_question", "next_hop", "gap", "person"] = Field(
        description="person: who was asked to approve a look wanted this query instead"
    )
    sub_question: int | None = None


class Usage(_Form):
    calls: int = Field(default=0, description="calls of the chat model")
    tokens_in: int = 0
    tokens_out: int = 0
    evidence_tokens: int = Field(default=0, description="size of the final selection, by the embedded encoder's tokenizer")
    searches: int = 0
    pairs: int = Field(default=0, description="(question, passage) pairs that the selector scored")
    seconds: float = Field(default=0.0, description="spent in the chat model's calls")


class Answer(_Form):
    """One run's result. Two different probabilities: `answerable` that the evidence suffices, `confidence` that the answer is right.

    A line of a predictions file is this and a few keys beside it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str | None = Field(default=None, description="the caller's own id of the question")
    question: str
    outcome: Outcome
    answer: str = Field(description="the answer with inline citations [1], [2] into `citations`; when not answered, what was tried")
    citations: list[Citation] = []
    disagreement: list[Claim] = Field(default=[], description="what sources say that contradict each other, two claims or more; empty where none do")
    selected: list[SelectedPassage] = []
    candidates: list[CandidatePassage] = Field(default=[], description="in the order in which they were ranked")
    stop_reason: str = Field(default="", description="why the selection ended where it did")
    sub_questions: list[SubQuestion] = []
    queries: list[Query] = []
    missing: list[str] = Field(
        default=[],
        description="what of the question nothing is said of: sub-questions that stay open in a part (#n as in sub_questions); "
        "what was not found, when abstained",
    )
    confidence: Probability = 0.0
    answerable: Probability = 0.0
    usage: Usage = Usage()
    latency_ms: float = 0.0
    trace_id: str = ""
    error: str | None = None


class Verdict(_Form):
    """What judge decided. A look names queries that were never asked before, each with its reason."""

    kind: Literal["answer", "look", "abstain"]
    why: str
    queries: list[Query] = []
    missing: list[str] = Field(default=[], description="what the evidence does not cover, in words")
    answerable: Probability = 0.0
    confidence: Probability = 0.0
    signals: dict[str, float] = Field(default={}, description="what both probabilities were made of")
    found: str = Field(default="", description="what the reader finds in the evidence, however unlikely")
    out_of_budget: bool = False
