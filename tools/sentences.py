"""Sentences: where each sentence of a text stands, by rules over its stops and line breaks.

One regular expression finds the places where a sentence may end; a few rules look at the word before and the word after and say whether it does.
When in doubt the sentence goes on: half a sentence is worse evidence than two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_STOP = "[.!?…‽]"
_CLOSERS = r"""["'”’»›)\]}*_]*+(?:\[\w{1,6}\])*+"""  # the last part: Wikipedia's reference marks
# Possessive quantifiers and the look-behind keep this linear on a megabyte of dots or blanks.
_MAY_END = re.compile(
    rf"(?P<stop>(?<!{_STOP}){_STOP}++{_CLOSERS}(?=\s|$))"
    r"|(?P<hard>[。！？｡．।॥؟۔።။]++[\"'”’»›)」』】）〉》]*+)"  # these end a sentence whether or not a space follows
    r"|(?P<blank>\r?\n(?:[^\S\n]*\n)+)"
    r"|(?P<page>[\v\f\u2029]|\r(?!\n))"
    r"|(?P<line>\r?\n)"
)
_RUN = re.compile(f"{_STOP}+")
_WORD_BEFORE = re.compile(r"[\w.’'&-]*\Z")
_WORD_AFTER = re.compile(r"""\s*["'“‘«‹(\[*_]*([^\W_]{0,40})""")
_LINE_OF_ITS_OWN = re.compile(r"[ \t]*(?:(?:[-*+•‣]|\d{1,3}[.)]|[a-zA-Z][)]|#{1,6}|>)[ \t]|\||```|~~~|[-*_=]{3,}[ \t]*$)", re.MULTILINE)
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]")
_LIST_NUMBER = re.compile(r"[\s>*-]*\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})")
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEVER_LAST = _words(
    "mr mrs ms mx dr prof st sr sra sta ste mt ft gen col lt capt cpt cdr cmdr sgt maj adm brig cpl pvt rev revd fr hon gov sen rep pres amb "
    "supt messrs mme mlle dipl ing vs v cf viz e.g i.e eg ie al approx ca c fl née nee resp esp spec incl excl bros"
)
_NOT_BEFORE_A_NUMBER = _words(
    "no nos nr num vol vols p pp fig figs ch chap chaps sec sect art arts para op opp b d r m cap eq eqs ed eds app tab jan feb mar apr jun jul "
    "aug sep sept oct nov dec lit pt pts bk"
)
_SELDOM_LAST = _words(
    "jr sr inc ltd co corp llc plc dept univ assn est etc ave blvd rd bldg ph.d"
)
_STARTERS = _words(
    "the a an he she it they we you i this that these those his her its their our my there here in on at by for from with as after before "
    "during when while where although though however but and or nor so if since because until upon under over between both many most some "
    "several all each every no not one two three other another such what who why how which whose then thus later now today also according "
    "following initially originally eventually subsequently meanwhile is was were are did does do has had have"
)
"""After an initial or an abbreviation a new sentence is believed only where it starts with one of these."""

_RAGGED = 0.6
"""A line is broken on purpose if, with the next word added, it would still fill no more than this share of the widest line of its paragraph."""
_UNWRAPPED = 140
"""Nobody wraps at a width like this: lines that are longer are paragraphs."""


def sentences(text: str) -> list[tuple[int, int]]:
    """The spans of the sentences: in order, disjoint, without surrounding whitespace; together they hold every other character of the text.

    Linear in the text's length. A sentence also ends where a line deliberately does: at a blank line, after a heading, before a list item or
    table row, and where the next word would have fitted; text that was wrapped at a fixed width stays together.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for end in (*_ends(text), len(text)):
        piece = text[start:end]
        inner = piece.strip()
        if inner:
            first = start + len(piece) - len(piece.lstrip())
            spans.append((first, first + len(inner)))
        start = end
    return spans


def _ends(text: str) -> Iterator[int]:
    """Where sentences end, ascending."""
    start = 0  # of the present sentence
    line = 0  # of the present line
    width = -1  # of the widest line of the present paragraph; -1: not measured yet
    for match in _MAY_END.finditer(text):
        at, end = match.span()
        kind = match.lastgroup
        if kind == "stop":
            ends = _stop_ends(text, start, at, end)
        elif kind == "line":
            if width < 0:
                width = _paragraph_width(text, line)
            ends = _line_ends(text, line, at, end, width)
            line = end
        else:
            ends = True
            if kind == "blank":
                line, width = end, -1
        if ends:
            start = end
            yield end


def _paragraph_width(text: str, start: int) -> int:
    """Characters of the widest line from `start` to the next blank line."""
    width, line = 0, start
    while line < len(text):
        end = text.find("\n", line)
        end = len(text) if end < 0 else end
        if end == line or text[line:end].isspace():
            break
        width = max(width, end - line)
        line = end + 1
    return width


def _line_ends(text: str, line: int, at: int, end: int, width: int) -> bool:
    """Whether the line break at `at` was meant, or only wraps the sentence. The line starts at `line`, the next one at `end`."""
    if _LINE_OF_ITS_OWN.match(text, end) or _HEADING.match(text, line, at) or text[max(line, at - 1) : at] == "|":
        return True
    following = _word_after(text, end)
    if not following or following[0].islower():
        return False
    length = at - line
    return length > _UNWRAPPED or length + 1 + len(following) <= _RAGGED * width


def _stop_ends(text: str, start: int, at: int, end: int) -> bool:
    """Whether the stop at `at` (its closing quotes reach to `end`) ends the sentence that started at `start`."""
    following = _word_after(text, end)
    if not following:
        return True
    if following[0].islower():
        return False
    run = _RUN.match(text, at)
    return run is None or run.group() != "." or not _abbreviates(text, start, at, following)


def _abbreviates(text: str, start: int, at: int, following: str) -> bool:
    """Whether the single stop at `at` belongs to the word before it, so that the sentence goes on with the word `following`."""
    if at - start <= 12 and _LIST_NUMBER.fullmatch(text, start, at):
        return True
    found = _WORD_BEFORE.search(text, max(start, at - 24), at)
    word = found.group().lstrip("'’.-") if found else ""
    lowered = word.lower()
    if lowered in _NEVER_LAST and not (word.isupper() and len(word) < 3):  # "c. 1940", but "vitamin C. The"
        return True
    if lowered in _NOT_BEFORE_A_NUMBER and following[0].isdigit():
        return True
    initial = len(word) == 1 and word.isupper()
    return (initial or lowered in _SELDOM_LAST or _DOTTED.fullmatch(word) is not None) and following.lower() not in _STARTERS


def _word_after(text: str, at: int) -> str:
    found = _WORD_AFTER.match(text, at)
    return found.group(1) if found else ""
