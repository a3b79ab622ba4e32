"""The agent as a LangChain tool: another agent asks a question and gets text with sources, and the whole answer as artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import BaseModel, Field

from ..graphs.answer import Answer
from ..tools.budget import Budget
from ..tools.errors import UsageError
from ..tools.filters import Filter
from .readable import readable

if TYPE_CHECKING:
    from .agent import Agent

NAME = "ask_documents"
DESCRIPTION = (
    "Answers a question from a collection of documents, with citations, or says that they do not tell. "
    "Give it one whole question in plain language, with the names it is about; questions of several steps are broken up inside."
)


class Asked(BaseModel):
    question: str = Field(description="One question in plain language that can be understood by itself.")


def answering_tool(
    agent: Agent, *, name: str = "", description: str = "", filters: Filter | None = None, budget: Budget | None = None
) -> BaseTool:
    """See `Agent.as_tool`. A question that cannot be asked (empty, far too long) comes back as the tool's error, for the model to mend."""

    def ask(question: str) -> tuple[str, dict[str, Any]]:
        try:
            return _told(agent.ask(question, filters=filters, budget=budget))
        except UsageError as error:
            raise ToolException(_line(error)) from error

    async def aask(question: str) -> tuple[str, dict[str, Any]]:
        try:
            return _told(await agent.aask(question, filters=filters, budget=budget))
        except UsageError as error:
            raise ToolException(_line(error)) from error

    return StructuredTool.from_function(
        ask,
        aask,
        name=name or NAME,
        description=description or DESCRIPTION,
        args_schema=Asked,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def _told(answer: Answer) -> tuple[str, dict[str, Any]]:
    """Without the candidates that were not chosen: an artifact is kept in every checkpoint of the caller's."""
    return readable(answer), answer.model_copy(update={"candidates": []}).model_dump(mode="json")


def _line(error: UsageError) -> str:
    return " ".join(f"{error} {error.hint}".split())
