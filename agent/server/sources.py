"""Sources: the citations of an answer for clients that show nothing but text, and for those that know OpenAI's annotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, Field

from ...graphs.answer import Answer, Citation
from ...tools.shorten import shorten

_MARK = re.compile(r"\[(\d{1,3})\]")
_HEADING = "\n\nSources:\n"
_ITEM = re.compile(r"- \[\d+\] ")
_LONGEST_QUOTE = 300


class UrlCitation(BaseModel):
    start_index: int = Field(description="where the mark, such as [1], begins in the message")
    end_index: int
    title: str
    url: str = Field(description="the document that is cited, as text; #char=A,B (RFC 5147) says where in it the quote stands")


class Annotation(BaseModel):
    """As OpenAI annotates the answers of its web search."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


def annotate(text: str, citations: Sequence[Citation], document_url: str, *, offset: int = 0) -> list[Annotation]:
    """One for each mark in the text that stands for a citation.

    document_url: what goes before the document's encoded source. offset: where in the message the text begins.
    """
    found = []
    for mark in _MARK.finditer(text):
        place = int(mark.group(1)) - 1
        if 0 <= place < len(citations):
            cited = citations[place]
            url = f"{document_url}{quote(cited.source, safe='')}#char={cited.span[0]},{cited.span[1]}"
            where = UrlCitation(start_index=offset + mark.start(), end_index=offset + mark.end(), title=cited.title or cited.source, url=url)
            found.append(Annotation(url_citation=where))
    return found


def block(answer: Answer) -> str:
    """The citations as a list in Markdown, to stand below the answer, and above it what a part leaves open; "" where there are none."""
    if not answer.citations:
        return ""
    missing = f"\n\nNot found: {_line('; '.join(answer.missing))}" if answer.missing else ""
    lines = [f"- [{number}] {_head(citation)}: “{shorten(citation.quote, _LONGEST_QUOTE)}”" for number, citation in enumerate(answer.citations, 1)]
    return missing + _HEADING + "\n".join(lines)


def without_block(text: str) -> str:
    """An answer as a client sends it back, without the list that `block` had put below it: its names are not what was spoken of."""
    above, heading, below = text.rstrip().rpartition(_HEADING)
    return above if heading and all(map(_ITEM.match, below.split("\n"))) else text


def _head(citation: Citation) -> str:
    source = _line(citation.source)
    return f"{_line(citation.title)} ({source})" if citation.title else source


def _line(text: str) -> str:
    return " ".join(text.split())
