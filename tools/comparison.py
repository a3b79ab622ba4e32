"""Comparison questions: what they compare and how, from the question alone. What the values then say is in `comparing.py`.

"Which film came out first, A or B?" asks for the least of two dates. English only, by word lists and the place of capitals; there is no grammar here,
and a question that fits no pattern is none. The question forms are those of 2WikiMultiHopQA (Ho et al., COLING 2020) and HotpotQA (Yang et al., EMNLP
2018).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from .dates import is_date
from .nationality import countries
from .polar import INTERROGATIVE, POLAR_HEAD

Asks = Literal["least", "most", "same", "all", "which"]
Reads = Literal["start", "end", "span", "year", "number", "country", "place", "text"]

MAX_QUESTION = 1_000
"""Characters; a longer text is no question."""
MAX_OPTION_WORDS = 25


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a question compares, and how."""

    options: tuple[str, ...]
    """The two things as the question writes them, without "director of film" before them; () where they cannot be told. Of three the first is
    "A, the B": whether that is a name with a comma in it, the documents know (`reader.py`)."""
    asks: Asks
    """The least value wins (earliest, smallest); the most wins; are the values the same; do all fulfil `predicate`; which one fulfils it."""
    yes_no: bool
    """Whether yes or no is wanted: same, all, and of least and most "Was A born before B?", about the first option."""
    reads: Reads
    """What a value is: a date (of a range its start or its end), the time between two dates, a year, a number, a country, a place, anything else."""
    predicate: str
    """What has to hold of each option, where all or which is asked: "American", "Which is located along a river"; else ""."""


# How a question compares

_EARLY = "first|earliest|earlier|sooner|older|oldest|elder|eldest"
_LATE = "(?:more|most) recent(?:ly)?|later|latest|last|younger|youngest|newer|newest|recently"
_MORE = (
    "more|most|larger|largest|bigger|biggest|greater|greatest|higher|highest|longer|longest|taller|tallest|deeper|deepest|wider|widest"
    "|heavier|heaviest|faster|fastest|farther|farthest|further|furthest|richer|richest|stronger|strongest|better|best"
)
_LESS = (
    "fewer|fewest|less|least|smaller|smallest|shorter|shortest|lower|lowest|lighter|lightest|narrower|narrowest|slower|slowest"
    "|closer|closest|nearer|nearest|cheaper|cheapest"
)
_DIRECTION = re.compile(
    rf"(?<!one of the )(?<![\w-])(?:(?P<early>{_EARLY})|(?P<late>{_LATE})|(?P<more>{_MORE})|(?P<less>{_LESS}))"
    r"(?![\w-]|\s+than\s+(?:\d|a\b|one\b|two\b))"
)
"""In lower case: a title's "First" compares nothing. Nor do "one of the first" and "more than 300"."""
_ENDS = re.compile(
    r"\b(?:died|dies?|dead|death|deceased|passed away|end(?:ed|s)?|closed|dissolved|disbanded|broke up|defunct|ceased|demolished|retired)\b"
)
_LASTS = re.compile(
    r"\b(?:lived?|lives|life|lifespan|lifetime|lasted|last|reign(?:ed)?|ruled|career|active|serv(?:ed|ice)|operat\w+|existed|tenure)\b"
)
_SINCE = re.compile(r"\b(?:around|in print|in existence|been published|been in|history|running)\b")
_SAME = re.compile(r"\b(?:same|share[sd]?)\b")
_ATTRIBUTES: tuple[tuple[re.Pattern[str], Reads], ...] = (
    (re.compile(r"\b(?:countr(?:y|ies)|nationalit(?:y|ies)|citizenships?|nations?)\b"), "country"),
    (re.compile(r"\b(?:places?|city|cities|towns?|villages?|birthplaces?)\b"), "place"),
    (re.compile(r"\byears?\b"), "year"),
    (re.compile(r"\b(?:dates?|day|birthdays?)\b"), "start"),
    (re.compile(r"\b(?:numbers?|amounts?|length|height|size|population|age)\b"), "number"),
)


def _direction(text: str) -> tuple[Asks, Reads] | None:
    """How the first comparing word of the text compares, and what; None: no such word."""
    match = _DIRECTION.search(text)
    if not match:
        return None
    asks: Asks = "least" if match["early"] or match["less"] else "most"
    if match["early"] or match["late"]:
        return asks, "end" if _ENDS.search(text) else "start"
    if match[0] in ("longer", "longest", "shorter", "shortest"):
        if _SINCE.search(text):  # around for longer: begun earlier
            return ("most" if asks == "least" else "least"), "start"
        if _LASTS.search(text):
            return asks, "span"
    return asks, "number"


def _sameness(text: str) -> Reads:
    """What has to be the same."""
    for pattern, reads in _ATTRIBUTES:
        if pattern.search(text):
            return reads
    return "text"


# Where the options stand

_WHICH_HEAD = re.compile(
    r"(?:(?:in|on|at|of|by|to|from|with)\s+)?(?:who|whose|which|what)\b(?!\s+(?:year|date|day|month|decade|century|time)\b)", re.IGNORECASE
)
"""Not "Which year was the more recent one, A or B, introduced?"."""
_OR = re.compile(r",?\s+or\s+")
_AND = re.compile(r",?\s+and\s+")
_TITLED_AND = re.compile(r",?\s+And\s+")
_SET_BEFORE = re.compile(r"(?P<a>.+?)\s(?P<tail>(?:\S+\s+){0,8}?(?P<link>than|before|after|prior to))\s+(?P<b>\S.*)")
_PARTICIPLE = (
    "located|situated|based|born|made|produced|released|published|founded|formed|established|found|native|members?|set|built|written|directed|created"
    "|originat(?:ed?|ing)|originally|come|came|hail|work|died|are|were|who|that|which|live[ds]?|play(?:ed|s)?|raised|named|known"
    "|dies?|gr[eo]w|stud(?:y|ied)|graduated?|speaks?|spoke"
)
_STRONG_TAIL = re.compile(
    rf"""(?:,\s*|\s)
    (?: (?:both\s+)? (?:(?:all|each|also)\s+)? (?:(?:{_PARTICIPLE})\s+){{0,4}}
        (?:(?:in|from|of|at|on|by|to|for|as)\s+)? the\s+(?:exact\s+|very\s+)?same\b .*
      | (?:both\s+)? (?:have|had|has)\s+(?:the\s+|a\s+)?(?:same|directors?|composers?|performers?|authors?|writers?)\b .*
      | (?:both\s+)? share[sd]?\s .* )$""",
    re.VERBOSE,
)
"""From where it is sure that the name is over."""
_BOTH_TAIL = re.compile(r",?\s+both\s+(?=\S)")
_STATED = re.compile(r"(?P<names>.+?\s+and\s+.+?),?\s+(?:(?:are|were)\s+|(?=(?:have|share|both)\s))(?P<rest>(?!this\b|both\s+this\b).+)")
_OF_TWO_FIRST = re.compile(r"(?:out of|in between|between|of|from|among)\s+(?P<two>.+?),?\s+(?P<stem>(?:which|who|whose|what)\b.+)", re.IGNORECASE)
_WHO_OF_TWO = re.compile(r"(?:who|which)(?:\s+one)?\s+(?:out\s+)?of\s+(?P<two>.+?\s+and\s+.+)", re.IGNORECASE)
_OF_TWO_LAST = re.compile(rf"(?P<stem>.+?\b(?:{_EARLY}|{_LATE}|{_MORE}|{_LESS})),?\s+(?:out of|of|between|among)\s+(?P<two>.+)")
_MARK = re.compile(r"\s*[,:]\s*|\s+[-–]\s+")
_CAPITAL = re.compile(r"\s(?=(?:the\s+)?[\"“']?[^\W\da-z_])")
_SPACE = re.compile(r"\s")
_BEGINNERS = """
    de del della der den des di da das do dos du la le les el los las lo van von zu zum zur al bin ibn ben ter te ten y e l d"""
_PARTICLES = frozenset(_BEGINNERS.split())
"""Lower-case words that a name may begin with."""
_INSIDE = _PARTICLES | frozenset("of the and in on at for to with from by a an or vs v et und och og i ed".split())
"""Lower-case words that may stand inside a name."""
_KIND = re.compile(r"\s(?:films|movies|bands|songs|albums|villages|magazines)$")
_APPOSITION = re.compile(r",\s+(?:the|an?)\s+(?:[^,]*\s)?[^\W\dA-Z_][^\s,]*$")
"""It ends in lower case, "the American singer"; "the Tarn Light" is one more option."""
_NOT_A_NAME = re.compile(r"\d+[\w%,.]*(?:\s+[a-z]\S*)*|(?:the\s+)?\d{3,4}s?|(?:one|two|three|four|five|ten|twenty|a hundred|half)\b.*")


@lru_cache(maxsize=4096)
def comparison(question: str) -> Comparison | None:
    """What the question compares and how; None: it is not a comparison of two things, or of a form that is not known here."""
    text = re.sub(r"^\W*Q:\s*", "", " ".join(question[: MAX_QUESTION + 1].split())).rstrip("? ").rstrip(":")
    if len(text) > MAX_QUESTION or not text:
        return None
    head = POLAR_HEAD.match(text)
    if head:
        body = text[head.end() :]
        return _than(body) or _either(body) or _together(body)
    if INTERROGATIVE.search(text):
        return _of_two(text) or _which(text)
    stated = _STATED.fullmatch(text)
    return _together(f"{stated['names']} {stated['rest']}") if stated else None


def _than(body: str) -> Comparison | None:
    """(Is) A older than B, (was) A born before B."""
    match = _SET_BEFORE.fullmatch(body)
    if not match:
        return None
    left, predicate = _name_and_rest(f"{match['a']} {match['tail']}")
    other = _name_and_rest(match["b"])[0]
    if not _are_names(body, left, other) or _NOT_A_NAME.fullmatch(other) or is_date(other):
        return None
    found = _direction(predicate)
    if match["link"] == "than":
        if not found:
            return None
        asks, reads = found
    elif not (_is_name(left) and _is_name(other)):
        return None  # Can a packet be sent after the set-up phase?
    else:
        asks, reads = ("most" if match["link"] == "after" else "least"), ("end" if _ENDS.search(predicate) else "start")
    return _made((left, other), asks, reads, yes_no=True)


def _either(body: str) -> Comparison | None:
    """(Was) A or B born first, (is) A or B a city."""
    split = _last(_OR, body)
    if not split or _AND.search(body[: split.start()]):
        return None
    second, predicate = _name_and_rest(body[split.end() :])
    first = _name(body[: split.start()])
    if not predicate or not _are_names(body, first, second):
        return None
    asks, reads = _direction(predicate) or ("which", "text")
    return _made((first, second), asks, reads, predicate=predicate)


def _together(body: str) -> Comparison | None:
    """(Are) A and B from the same country, both American; (does) A have the same nationality as B."""
    if re.search(r"\bdifferent\b", body):
        return None
    match = re.fullmatch(r"(?P<left>.+?)\s(?P<tail>(?:\S+\s){0,4}?the (?:exact |very )?same\s+(?P<what>.+?)\s+(?:as|that|with)\s+(?P<b>.+))", body)
    if match and not _AND.search(match["left"]):
        first, _ = _name_and_rest(f"{match['left']} {match['tail']}")
        return _made((first, _name(match["b"])), "same", _sameness(match["what"]), yes_no=True)
    both = re.match(r"both\s+(?:of\s+)?", body, re.IGNORECASE)
    inner = body[both.end() :] if both else body
    names, predicate = _before_tail(inner)
    same = bool(_SAME.search(predicate or body))
    options = _two_names(names) if names else ()
    if same and not options and not re.search(r"\b(?:both|two|share)\b", body):
        return None
    if not same and (not options or not predicate or not (both or predicate.startswith("both ") or _only_name(names))):
        return None
    if same:
        return _made(options, "same", _sameness(predicate or body), yes_no=True)
    return _made(options, "all", "country" if countries(predicate) else "text", yes_no=True, predicate=re.sub(r"^both\s+", "", predicate))


def _of_two(text: str) -> Comparison | None:
    """Between A and B, who is older; who of A and B is older; who is older out of A and B."""
    if match := _OF_TWO_FIRST.fullmatch(text):
        options, stem = _two_names(match["two"]) or _two_names(match["two"], _OR), match["stem"]
    elif match := _WHO_OF_TWO.fullmatch(text):
        names, stem = _before_tail(match["two"])
        options = _two_names(names) if _is_name(names) and _only_name(names) else ()
    elif match := _OF_TWO_LAST.fullmatch(text):
        options, stem = _two_names(match["two"]), match["stem"]
        if not all(map(_is_name, options)):
            return None  # Who for most of his career was an actor and best known for Fred?
    else:
        return None
    found = _direction(stem)
    if not options or (not found and re.match("what", stem, re.IGNORECASE)):
        return None
    asks, reads = found or ("which", "text")
    return _made(options, asks, reads, predicate=stem)


def _which(text: str) -> Comparison | None:
    """Which film came out first, A or B; which band, A or B, has more members."""
    split = _last(_OR, text) or _last(_AND, text)
    if not split or not _WHICH_HEAD.match(text):
        return None
    before, after = text[: split.start()], text[split.end() :]
    compared = _DIRECTION.search(before)
    joined = split.re is _AND
    if joined and not (compared and re.search("[,:]", before[compared.end() :])):
        return None  # "and" stands for "or" only in "Which film is older, A and B?"
    second, rest = after, ""
    inner = re.search(r",\s+(?=(?:is|was|are|were|has|had|have|did|does|appears?|which|who|came|won|wrote|reached)\b)", after)
    if inner:
        second, rest = after[: inner.start()], after[inner.end() :]
    elif not compared:
        named, tail = _name_and_rest(after)
        if _DIRECTION.search(tail):
            second, rest = named, tail
    stem, first = _stem_and_name(before, compared.end() if compared else None, loose=bool(rest))
    first, second = _name(_APPOSITION.sub("", first)), _name(_APPOSITION.sub("", second))
    predicate = f"{stem} {rest}".strip()
    if not stem or not (_is_name(first) and _is_name(second) if joined else _are_names(text, first, second)):
        return None
    asks, reads = _direction(predicate) or ("which", "text")
    return _made((first, second), asks, reads, predicate=predicate)


def _made(options: tuple[str, ...], asks: Asks, reads: Reads, *, yes_no: bool = False, predicate: str = "") -> Comparison | None:
    """None where two options were looked for and are not two."""
    sound = len({option.casefold() for option in options}) == 2 and all(option and len(option.split()) <= MAX_OPTION_WORDS for option in options)
    if options and not sound:
        if not yes_no or asks in ("least", "most"):
            return None
        options = ()
    return Comparison(options, asks, yes_no, reads, predicate.strip(" ,:") if asks in ("all", "which") else "")


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return max(pattern.finditer(text), key=lambda match: match.start(), default=None)


def _stem_and_name(before: str, compared: int | None, *, loose: bool) -> tuple[str, str]:
    """What comes before the "or", parted into the question and the first option; the question empty where that cannot be told.

    After a comparing word, which ends at `compared`, the option begins behind the next comma or else with the next capital; without one, behind the
    first comma from which on every part looks like a name. `loose`: "Which band A or B was formed first", with no comma at all.
    """
    if compared is not None:
        mark = _MARK.search(before, compared)
        if mark:
            return before[: mark.start()], before[mark.end() :]
        capital = _CAPITAL.search(before, compared) or _SPACE.search(before, compared)
        return (before[: capital.start()], before[capital.end() :]) if capital else ("", "")
    marks = list(re.finditer(r"\s*[,:]\s*", before))
    for n, mark in enumerate(marks):
        parts = [before[one.end() : other.start()] for one, other in pairwise(marks[n:])] + [before[marks[-1].end() :]]
        if all(_is_name(_name(part)) for part in parts):
            return before[: mark.start()], before[mark.end() :]
    capital = re.search(r"(?<=[a-z])\s(?=(?:[Tt]he\s+)?[\"“]?[A-Z\d])", before) if loose else None
    return (before[: capital.start()], before[capital.end() :]) if capital else ("", "")


def _before_tail(text: str) -> tuple[str, str]:
    """ "A and B, both from the same country" parted into the names and what is said of them; either may be empty."""
    first = _AND.search(text) or _TITLED_AND.search(text)
    start = first.end() if first else 0
    tail = _STRONG_TAIL.search(text, start) or _BOTH_TAIL.search(text, start)
    if tail:
        return text[: tail.start()], text[tail.start() :].strip(" ,")
    if not first:
        return "", text
    last, rest = _name_and_rest(text[start:])
    return text[:start] + last, rest


def _two_names(text: str, joint: re.Pattern[str] = _AND) -> tuple[str, ...]:
    """The names on both sides of the "and": of several the one that parts the text most evenly, a repeated "director of" before all."""
    splits = list(joint.finditer(text)) or list(_TITLED_AND.finditer(text))
    if not splits:
        return ()

    def unevenness(split: re.Match[str]) -> tuple[bool, bool, int]:
        left, right = text[: split.start()].split(), text[split.end() :].split()
        again = left[:2] == right[:2] or bool(re.match(r"(?:the\s+)?[a-z]+ of (?:the\s+)?[a-z]+ ", text[split.end() :]))
        return not again, not _is_name(_name(" ".join(right))), abs(len(left) - len(right))

    best = min(splits, key=unevenness)
    return _name(text[: best.start()]), _name(text[best.end() :])


def _name_and_rest(text: str) -> tuple[str, str]:
    """A name at the beginning of the text and what follows it: up to the first lower-case word that no name holds, or the nationality before it."""
    words = text.split()
    start = 0
    while start < len(words) - 1 and words[start].islower() and not _opens_a_name(words[start:]):
        start += 1
    if start == len(words) - 1 and words and words[start].islower():  # no capitals at all
        start = 0
    end = start + 1
    for n in range(start + 1, len(words)):
        word = words[n].strip(",;:")
        if word.islower() and word not in _INSIDE and not word.startswith(("(", "'")):
            break
        if not word.islower():
            end = n + 1
        if words[n].endswith(",") and n + 1 < len(words) and words[n + 1].islower():
            break
    if end - start > 1 and _is_adjective(words[end - 1]) and (end == len(words) or words[end].islower()):
        end -= 1
    return _name(" ".join(words[start:end])), " ".join(words[end:])


def _opens_a_name(words: list[str]) -> bool:
    """A particle before a capital, as in "de Gaulle"."""
    return words[0] in _PARTICLES and len(words) > 1 and not words[1].islower()


def _is_adjective(word: str) -> bool:
    """ "American" is, "Jordan" is not."""
    return countries(word) not in (frozenset(), {word})


def _name(text: str) -> str:
    """Without quotation marks, the words for a kind around it ("both films: ", "director of film ") and an article in lower case."""
    words = _KIND.sub("", text.strip(" ,:;")).split()
    kept = words
    while kept and kept[0].strip(",:").islower() and not _opens_a_name(kept) and not kept[0].startswith(('"', "“")):
        kept = kept[1:]
    found = " ".join(kept or words).strip(" ,:;")
    for opening, closing in ('""', "“”", "''"):
        if found.startswith(opening) and found.endswith(closing) and found.count(opening) + found.count(closing) in (2, 4) and len(found) > 2:
            found = found[1:-1].strip()
    return found


def _only_name(names: str) -> bool:
    """Whether the first of "A and B" is a name and nothing more: "a packet be lost and if so" begins with none."""
    first = _name(_AND.split(names)[0])
    return _is_name(first) and not _name_and_rest(first)[1]


def _are_names(question: str, first: str, second: str) -> bool:
    """In a question without capitals every word may be one."""
    return bool(first and second) and (question[1:].islower() or (_is_name(first) and _is_name(second)))


def _is_name(text: str) -> bool:
    """Whether it begins like a name: a capital, a digit, a quotation mark, or a particle."""
    words = text.split()
    return bool(words) and (not words[0].islower() or _opens_a_name(words))
