"""A value of a pydantic model from a chat model, whatever the model's server can and cannot do."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ..lenient_json import json_values
from .asking import Reply, as_messages, ask

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableConfig
    from pydantic import BaseModel

    T = TypeVar("T", bound=BaseModel)


async def ask_structured(
    model: BaseChatModel,
    system: str,
    user: str,
    schema: type[T],
    *,
    timeout: float | None,
    may_repair: bool = True,
    tokens: float | None = None,
    config: RunnableConfig | None = None,
) -> tuple[T | None, list[Reply]]:
    """A value of `schema`, or None, and the replies that it took (at most two, one without `may_repair`; `timeout` is for both,
    and a first one that took `tokens` or more is the last).

    The form stands in the prompt (an example of it, as small models repeat a JSON schema instead of following it), the answer is read by
    `json_values` and validated, and repaired once by showing the model what was wrong.
    A local model's decoding is also constrained by the schema. Providers' own modes for structured output are not used: servers that call
    themselves compatible refuse them, ignore them, or accept only some schemas.
    """
    from langchain_core.messages import AIMessage, HumanMessage

    form = schema.model_json_schema()
    request = f"{user}\n\nAnswer with JSON alone, in this form:\n{json.dumps(_skeleton(form, form), ensure_ascii=False)}"
    options = {"json_schema": _all_required(form)} if getattr(model, "constrains_json", False) else {}
    sent = as_messages(system, request)
    replies: list[Reply] = []
    started = time.monotonic()
    for last in (False, True)[: 1 + may_repair]:
        left = None if timeout is None else timeout - (time.monotonic() - started)
        used_up = tokens is not None and sum(reply.tokens_in + reply.tokens_out for reply in replies) >= tokens
        if last and (used_up or (left is not None and left <= 0)):
            break
        reply = await ask(model, sent, timeout=left, config=config, **options)
        replies.append(reply)
        if reply.error:
            break
        value, complaint = _validated(reply.text, schema)
        if value is not None:
            return value, replies
        if reply.at_limit:  # so would the next be
            break
        sent = [*sent, AIMessage(reply.text), HumanMessage(f"That cannot be used: {complaint}. Send the corrected JSON alone.")]
    return None, replies


def _validated(text: str, schema: type[T]) -> tuple[T | None, str]:
    """The first value in the text that fits the schema, or what is wrong with the first value."""
    from pydantic import ValidationError

    complaint = ""
    for value in json_values(text):
        try:
            return schema.model_validate(value), ""
        except ValidationError as fault:
            wrong = [f"{'.'.join(map(str, each['loc'])) or 'the whole'}: {each['msg']}" for each in fault.errors(include_url=False)[:5]]
            complaint = complaint or "; ".join(wrong)
    return None, complaint or "there is no JSON in it"


def _skeleton(node: Any, root: Mapping[str, Any], depth: int = 0) -> Any:
    """A JSON schema as an example of what fits it: {"born": "<integer: the year>", "names": ["<string>"]}."""
    if "$ref" in node:
        node = {**root["$defs"][node["$ref"].rpartition("/")[2]], **{key: value for key, value in node.items() if key == "description"}}
    choices = [each for each in node.get("anyOf", node.get("oneOf", [])) if each.get("type") != "null"]
    if choices:
        return _skeleton({**choices[0], **({"description": node["description"]} if "description" in node else {})}, root, depth)
    if isinstance(node.get("properties"), dict) and depth < 6:  # a model that holds itself ends somewhere
        return {name: _skeleton(each, root, depth + 1) for name, each in node["properties"].items()}
    if node.get("type") == "array" and depth < 6:
        return [_skeleton(node.get("items", {}), root, depth + 1)]
    if "enum" in node:
        kind = " or ".join(map(str, node["enum"]))
    elif "const" in node:
        kind = str(node["const"])
    else:
        low, high = node.get("minimum"), node.get("maximum")
        kind = node.get("type", "value") + (f" from {low} to {high}" if low is not None and high is not None else "")
    return f"<{kind}: {node['description']}>" if "description" in node else f"<{kind}>"


def _all_required(node: Any) -> Any:
    """A JSON schema in which every property must be given: a weak model would leave out whatever it may."""
    if isinstance(node, dict):
        made = {key: _all_required(value) for key, value in node.items()}
        return {**made, "required": list(node["properties"])} if isinstance(node.get("properties"), dict) else made
    return [_all_required(each) for each in node] if isinstance(node, list) else node
