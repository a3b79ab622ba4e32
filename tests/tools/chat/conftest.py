"""A chat model at a server of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from passel.tools.chat import load_chat_model


@pytest.fixture
def model(openai_server: Any) -> Any:
    return load_chat_model("openai:test", base_url=openai_server.url, max_retries=0)
