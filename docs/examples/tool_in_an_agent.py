"""A LangChain agent that asks Passel: `python tool_in_an_agent.py openai:gpt-4o-mini`."""

from __future__ import annotations

import sys

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, ToolMessage

from passel import Agent

DOCUMENTS = [
    {"title": "Tarn Light", "text": "The Tarn Light is a lighthouse that Mirel Ostane built in 1840. It stands 39 metres high."},
    {"title": "Mirel Ostane", "text": "Mirel Ostane was an engineer, born in Brackwater in 1811. She died in 1879."},
]


def main(model: BaseChatModel) -> list[str]:
    """The agent's last words, and the sources of what it was told."""
    with Agent.from_documents(DOCUMENTS) as passel:
        agent = create_agent(model, tools=[passel.as_tool()], system_prompt="Look facts up before you state them.")
        result = agent.invoke({"messages": [HumanMessage("Who built the Tarn Light, and when?")]})
    told = [message.artifact for message in result["messages"] if isinstance(message, ToolMessage)]
    sources = [f"{citation['title']}: “{citation['quote']}”" for answer in told for citation in answer["citations"]]
    return [result["messages"][-1].text, *sources]


if __name__ == "__main__":
    print("\n".join(main(init_chat_model(sys.argv[1]))))
