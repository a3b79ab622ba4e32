"""Splitter: cuts a document into passages along its structure, keeping title, heading path and exact span.

A section (the text under one heading) is a row of units that are never cut: sentences, list items, table rows, lines of code; only a unit that alone
is longer than a passage is cut further. Where the row is cut is one shortest path: every passage has a price, its empty room has one, and a cut
between blocks is cheaper than one between items, sentences or words. So small neighbours are merged and long paragraphs fall into even parts.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from .passage import Passage, head_of, passage_ids
from .sentences import sentences
from .structure import LIST_ITEM, Block, Heading, structure

if TYPE_CHECKING:
    from .document import Document

CountTokens = Callable[[Sequence[str]], list[int]]
"""How many tokens each text has, without special ones."""

_SPECIAL = 2
"""[CLS] and [SEP]."""
_FLOOR = 64
"""A passage has this much room, however long the title and headings are."""
_WIDEST_TOKEN = 12
"""Characters. No text counts as fewer tokens than this implies: a tokenizer may call a million letters, or blanks, one unknown token or none."""
_TINY = 48
"""Characters. Neighbouring units that are shorter than this together are one: keeps a file of one-word lines linear."""
_GROUP = 32
"""Characters. The words of an overlong sentence are counted in groups of about this size."""

_PRICE = 0.3
"""Of one passage, in units of the price of a wholly empty one."""
_BLOCK, _ITEM, _SENTENCE, _CLAUSE, _WORD = 0.0, 0.5, 1.0, 2.0, 3.0
"""Of a cut: before a block, a list item or row or line, a sentence, after a comma, anywhere."""

_IDLE = re.compile(r"[\s!-/:-@\[-`{-~]*")  # rules, underlines, lone brackets: signs without a word
_WORDS = re.compile(r"\S+")
_ATOMS = re.compile(r"\w{1,16}|[^\w\s]{1,16}")
_LINES = re.compile(r"[^\r\n]+")


@dataclass(slots=True)
class _Unit:
    start: int
    end: int
    cut: float
    """The price of a cut before it."""
    tokens: int = 0


@dataclass(slots=True)
class _Section:
    headings: tuple[str, ...]
    units: list[_Unit]
    room: int = 0


def split(document: Document, count_tokens: CountTokens, *, max_tokens: int = 200, window: int = 256) -> list[Passage]:
    """The passages of a document, in order and disjoint; `passage.text == document.text[passage.start:passage.end]`.

    A passage has at most `max_tokens` tokens, and fewer where the title and headings, which the encoder sees before it, would push it out of the
    encoder's `window` (but never fewer than 64). A heading is no part of a passage, unless nothing stands under it; all other text is,
    save ASCII signs (rules) that stand alone. Linear in the text's length; `count_tokens` is called at most three times.
    """
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, not {max_tokens}")
    sections = list(_sections(document, min(_TINY, max_tokens)))
    _measure(document, sections, count_tokens, max_tokens, window)
    packed = ((section, section.units[first:last]) for section in sections for first, last in _pack(section.units, section.room))
    spans = [(section.headings, units[0].start, units[-1].end) for section, units in packed]
    with_words = [span for span in spans if not _IDLE.fullmatch(document.text, *span[1:])]
    return _passages(document, with_words or spans)


def whole(document: Document) -> list[Passage]:
    """The document as one passage, untrimmed; none where it is blank."""
    return _passages(document, [((), 0, len(document.text))] if document.text.strip() else [])


def _passages(document: Document, spans: Sequence[tuple[tuple[str, ...], int, int]]) -> list[Passage]:
    texts = [document.text[start:end] for _, start, end in spans]
    return [
        Passage(
            id=passage_id,
            source=document.source,
            text=text,
            title=document.title,
            headings=headings,
            start=start,
            end=end,
            page=bisect_right(document.pages, start) if document.pages else None,
            metadata=document.metadata,
        )
        for passage_id, text, (headings, start, end) in zip(passage_ids(document.source, texts), texts, spans, strict=True)
    ]


def _sections(document: Document, tiny: int) -> Iterator[_Section]:
    """The sections and their units; where there is nothing but the title, the whole text as one."""
    text, found = document.text, False
    for path, blocks in _blocks_by_heading(document):
        found = True
        units = (unit for i, block in enumerate(blocks) for unit in _units(text, block, blocks[i - 1] if i else None))
        yield _Section(path, _merge_tiny(text, units, tiny))
    if not found and text.strip():
        start = len(text) - len(text.lstrip())
        yield _Section((), [_Unit(start, len(text.rstrip()), _BLOCK)])


def _blocks_by_heading(document: Document) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """Each stretch of blocks without a heading between them, with the path of headings above it, without the title.

    A heading that nothing stands under is a block of the section around it.
    """
    parts = list(structure(document.text, document.source))
    bare = _bare_headings(document.text, parts)
    path: list[Heading] = []
    blocks: list[Block] = []
    for part in parts:
        if isinstance(part, Block):
            blocks.append(part)
            continue
        above = [heading for heading in path if heading.level < part.level]
        new = above if part in bare else [*above, part]
        if new != path:
            if blocks:
                yield _path(path, document.title), blocks
            path, blocks = new, []
        if part in bare and not _same(part.text, document.title):
            blocks.append(Block(part.start, part.end, "paragraph"))
    if blocks:
        yield _path(path, document.title), blocks


def _bare_headings(text: str, parts: Sequence[Heading | Block]) -> set[Heading]:
    """The headings that nothing stands under: no text and no heading of a deeper level."""
    bare: set[Heading] = set()
    below: Heading | Block | None = None
    for part in reversed(parts):
        if isinstance(part, Heading):
            if below is None or (isinstance(below, Heading) and below.level <= part.level):
                bare.add(part)
            below = part
        elif not _idle(text, part):
            below = part
    return bare


def _path(headings: Sequence[Heading], title: str) -> tuple[str, ...]:
    texts = tuple(heading.text for heading in headings)
    return texts[1:] if texts and _same(texts[0], title) else texts


def _same(one: str, other: str) -> bool:
    return one.casefold().split() == other.casefold().split()


def _idle(text: str, part: _Unit | Block) -> bool:
    return _IDLE.fullmatch(text, part.start, part.end) is not None


def _units(text: str, block: Block, before: Block | None) -> Iterator[_Unit]:
    """The units of a block. What follows a colon belongs to it almost like the next item."""
    first = _ITEM if before and text[before.end - 1] == ":" else _BLOCK
    if block.kind == "lines":
        spans = _trimmed_lines(text, block)
    else:
        spans = ((block.start + start, block.start + end) for start, end in sentences(text[block.start : block.end]))
    for i, (start, end) in enumerate(spans):
        inner = _ITEM if block.kind == "lines" or LIST_ITEM.match(text, start, end) else _SENTENCE
        yield _Unit(start, end, inner if i else first)


def _trimmed_lines(text: str, block: Block) -> Iterator[tuple[int, int]]:
    for match in _LINES.finditer(text, block.start, block.end):
        line = match.group()
        inner = line.strip()
        if inner:
            start = match.start() + len(line) - len(line.lstrip())
            yield start, start + len(inner)


def _merge_tiny(text: str, units: Iterator[_Unit], tiny: int) -> list[_Unit]:
    """Neighbours that are tiny together become one; a unit without a word is tied to its neighbour by the price of a cut."""
    merged: list[_Unit] = []
    tie = False  # the last one in `merged` has no word, and nothing before it
    for unit in units:
        if merged and unit.end - merged[-1].start <= tiny:
            merged[-1].end = unit.end
            tie = tie and _idle(text, unit)
            continue
        idle = _idle(text, unit)
        if merged and (idle or tie):
            unit.cut = _WORD
        tie = idle and (tie or not merged)
        merged.append(unit)
    return merged


def _measure(document: Document, sections: Sequence[_Section], count_tokens: CountTokens, max_tokens: int, window: int) -> None:
    """Set each section's room and each unit's tokens; cut the units that have no room."""
    text = document.text
    heads = [head_of(document.title, section.headings) for section in sections]
    distinct = list(dict.fromkeys(heads))
    units = [unit for section in sections for unit in section.units]
    counts = _count(text, units, count_tokens, max_tokens, [f"{head}. " for head in distinct])
    taken = dict(zip(distinct, counts, strict=True))
    for section, head in zip(sections, heads, strict=True):
        section.room = max(min(_FLOOR, max_tokens), min(max_tokens, window - _SPECIAL - (taken[head] if head else 0)))

    for cutter in (_groups_of_words, _atoms):
        pieces = {unit.start: cutter(text, unit) for section in sections for unit in section.units if unit.tokens > section.room}
        if not pieces:
            break
        _count(text, [piece for row in pieces.values() for piece in row], count_tokens, max_tokens)
        for section in sections:
            section.units = [piece for unit in section.units for piece in pieces.get(unit.start, (unit,))]


def _count(text: str, units: Sequence[_Unit], count_tokens: CountTokens, max_tokens: int, others: Sequence[str] = ()) -> list[int]:
    """Set the tokens of the units, and return those of `others`, in one call. Units that have no room whatever they hold are not looked at."""
    for unit in units:
        unit.tokens = -((unit.start - unit.end) // _WIDEST_TOKEN)
    short = [unit for unit in units if unit.tokens <= max_tokens]
    counts = count_tokens([*others, *(text[unit.start : unit.end] for unit in short)])
    for unit, tokens in zip(short, counts[len(others) :], strict=True):
        unit.tokens = max(unit.tokens, tokens)
    return counts[: len(others)]


def _groups_of_words(text: str, unit: _Unit) -> list[_Unit]:
    """The words of the unit, some at a time; a group ends after a comma."""
    groups: list[_Unit] = []
    cut, full = unit.cut, True
    for match in _WORDS.finditer(text, unit.start, unit.end):
        start, end = match.span()
        if full or end - groups[-1].start > _GROUP:
            groups.append(_Unit(start, end, cut))
        else:
            groups[-1].end = end
        full = text[end - 1] in ",;:，、；："
        cut = _CLAUSE if full else _WORD
    return groups


def _atoms(text: str, unit: _Unit) -> list[_Unit]:
    """Pieces of at most 16 characters, cut between letters and signs where possible."""
    spans = [match.span() for match in _ATOMS.finditer(text, unit.start, unit.end)]
    return [_Unit(start, end, _WORD if i else unit.cut) for i, (start, end) in enumerate(spans)]


def _pack(units: Sequence[_Unit], room: int) -> list[tuple[int, int]]:
    """The cheapest way to cut the row of units into passages of at most `room` tokens, as ranges of their indices.

    Blanks between units count as in `_WIDEST_TOKEN`. A unit that has no room even alone is a passage of its own.
    """
    blanks = [0, *((after.start - before.end) // _WIDEST_TOKEN for before, after in pairwise(units))]
    reach = [0, *accumulate(unit.tokens + blank for unit, blank in zip(units, blanks, strict=True))]
    if reach[-1] <= room:
        return [(0, len(units))]
    before = [_PRICE + units[0].cut]  # the price of all that stands before a passage that starts at this unit, and of the passage's own start
    cut_before = [0]
    for last in range(1, len(units) + 1):
        best, chosen = float("inf"), last - 1
        for first in range(last - 1, -1, -1):
            tokens = reach[last] - reach[first] - blanks[first]
            if tokens > room and first < last - 1:
                break
            empty = (room - tokens) / room if tokens < room else 0.0
            price = before[first] + empty * empty
            if price < best:
                best, chosen = price, first
        before.append(best + _PRICE + (units[last].cut if last < len(units) else 0.0))
        cut_before.append(chosen)
    ranges: list[tuple[int, int]] = []
    last = len(units)
    while last:
        ranges.append((cut_before[last], last))
        last = cut_before[last]
    return ranges[::-1]
