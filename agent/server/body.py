"""Body: what every body of a request is checked for, whatever its form."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, model_validator

from ...tools.document import SURROGATE


class Body(BaseModel):
    """Its strings can be written in UTF-8: JSON lets halves of surrogate pairs through, which no answer could repeat and no database keep."""

    @model_validator(mode="before")
    @classmethod
    def _encodable(cls, given: Any) -> Any:
        level = [given]
        while level:
            if any(isinstance(value, str) and SURROGATE.search(value) for value in level):
                raise ValueError("half a surrogate pair in it, which is no character")
            pairs = [item for value in level if isinstance(value, dict) for pair in value.items() for item in pair]
            level = pairs + [item for value in level if isinstance(value, list) for item in value]
        return given
