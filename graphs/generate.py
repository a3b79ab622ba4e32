"""generate: answers from the selected evidence only, with citations; whole sentences, each checked before it is streamed.

With a chat model: a grounded prompt that knows how to decline; where the evidence disagrees and it does not say so, that is added. Without one: the
extractive generator.
A stream cannot unsay, so a sentence that no passage supports is never sent.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from langgraph.runtime import Runtime

from ..tools import chat
from ..tools.sentences import sentences
from .citing import numbered_citations
from .context import RagContext, selected_passages, spent_on, with_passages
from .disagreement import disagreement_in
from .drafting import add_half, add_written, empty_draft
from .events import Sentence
from .evidence import read_parts, read_selected
from .extract import extract, told_apart
from .prompts import GENERATE, numbered
from .state import Draft, DraftSentence, RagState, RagUpdate


async def generate(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `standalone`, `selection` and the resolved `sub_questions`; writes `draft`, adds to `spent`."""
    context = runtime.context
    passages = await asyncio.to_thread(selected_passages, state["selection"], context.corpus, state.get("filters"))
    draft, written = empty_draft(), 0
    replies: list[chat.Reply] = []

    def say_last() -> None:
        citations, texts = numbered_citations(draft["sentences"], passages, state["sub_questions"])
        runtime.stream_writer(Sentence(text=texts[-1], citations=citations))

    if context.model is None:
        said, draft["open"] = await asyncio.to_thread(_extracted, state, context)
        for sentence in said:
            draft["sentences"].append(sentence)
            say_last()
        return {"draft": draft}

    if limit := context.exhausted(state["spent"]):
        draft["failure"] = f"out of budget: {limit}"
        return {"draft": draft}
    prompt = numbered([(passage.title, passage.text) for passage in passages], state["standalone"])
    async for piece in _sentences(chat.stream(context.model, GENERATE, prompt, timeout=context.time_left())):
        if isinstance(piece, chat.Reply):
            replies.append(piece)
        elif isinstance(piece, _Half):
            add_half(draft, piece.text)
        else:
            written += 1
            if await asyncio.to_thread(add_written, draft, piece, state["standalone"], passages, context.reader):
                say_last()
    if draft["sentences"] and (told := await asyncio.to_thread(_untold, state, context, draft)) is not None:
        draft["sentences"].append(told)
        say_last()
    if replies and replies[-1].error:
        draft["failure"] = "out of budget: seconds" if context.seconds() >= context.budget.seconds else replies[-1].error
    elif replies and replies[-1].at_limit and not written:
        name = chat.describe(context.model)
        draft["failure"] = f"{name} came to its token limit before its first sentence was whole: allow it longer answers, or give it fewer passages"
    if replies and (logprob := replies[-1].logprob) is not None:
        draft["logprob"] = logprob
    return {"draft": draft, "spent": spent_on(replies)}


def _untold(state: RagState, context: RagContext, draft: Draft) -> DraftSentence | None:
    """A disagreement of the selected passages of which a chat model did not tell."""
    if any("claims" in sentence for sentence in draft["sentences"]):
        return None
    candidates = with_passages(state["candidates"], context.corpus, state.get("filters"))
    read = read_selected(context.reader, state["standalone"], candidates, state["selection"])
    differing = disagreement_in(read)
    return told_apart(read, differing) if differing is not None else None


def _extracted(state: RagState, context: RagContext) -> tuple[list[DraftSentence], list[int]]:
    selection, candidates = state["selection"], with_passages(state["candidates"], context.corpus, state.get("filters"))
    parts = read_parts(context.reader, state["sub_questions"], candidates, selection)
    return extract(read_selected(context.reader, state["standalone"], candidates, selection), list(parts.items()))


_GAP = re.compile(r"(?<=[.!?…\"”’»)\]])\s+(?=\[\d)")
"""Between the end of a sentence and its "[2]", which would be taken for the beginning of the next."""
_LISTED = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})+)\]")
"""[1, 2], which ends no sentence as [1][2] does."""
_ENDED = re.compile(r"(?:(?<!\d)\.|[!?…。！？]|\.(?=[\"”’»)\s]*\[))[\"”’»)\s]*(?:\[\d{1,3}\]\s*)*$")
"""The end of a sentence: "12." alone may be that of "12.5"."""
_STUMP = re.compile(r"\s*\[[\d,;\s]*$")


@dataclass(frozen=True, slots=True)
class _Half:
    text: str


async def _sentences(pieces: AsyncIterator[str | chat.Reply]) -> AsyncIterator[str | _Half | chat.Reply]:
    """Joins streamed pieces into whole sentences, a trailing "[2]" included; passes the final Reply on, and before it what broke off."""
    text = ""
    async for piece in pieces:
        if isinstance(piece, chat.Reply):
            broken = piece.error is not None or piece.at_limit
            text = _STUMP.sub("", text) if broken else text
            spans = sentences(text)
            half = text[slice(*spans.pop())] if broken and spans and not _ENDED.search(text) else ""
            for start, end in spans:
                yield text[start:end]
            if half:
                yield _Half(half)
            yield piece
            return
        text = _LISTED.sub(lambda found: "".join(f"[{n}]" for n in re.findall(r"\d+", found[1])), _GAP.sub("", text + piece))
        spans = sentences(text)
        # the last one may still grow, and the one before it may still get its citation
        whole = [span for span in spans[:-1] if not text[spans[-1][0] :].lstrip().startswith("[") or span != spans[-2]]
        for start, end in whole:
            yield text[start:end]
        if whole:
            text = text[whole[-1][1] :]
