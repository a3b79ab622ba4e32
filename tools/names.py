"""Names: what a document is called, and what a text calls by name. The two halves of linking, with no model and no word list of entities.

A document is called by its title, by what its first sentence says it is also called, and by its headings. A text names things with
capitals, quotation marks, parentheses or code-like identifiers; in scripts without capitals every short phrase may be a name.
Both sides meet in one normal form, `name_key`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from .words import STOP_WORDS

MAX_WORDS = 12
"""Longest name that is looked for, in words (in characters, in scripts written without spaces)."""
MAX_CASELESS_WORDS = 4
"""The same in running text of a script without capitals, where every phrase has to be tried."""
MAX_MENTIONS = 4_000
"""Mentions taken from one text, so that a megabyte of text costs no more than a page."""

_CONNECTORS = """
    of the and in on at for to with from by a an de del della der den des di da das do dos du la le les el los las lo van von zu zum zur und
    och og y e et i bin ibn al el ul s n or vs"""
CONNECTORS = frozenset(_CONNECTORS.split())
"""Lower-case words that may stand inside a name."""

_HEADINGS = """
    introduction overview background history summary abstract contents conclusion conclusions discussion results methods references notes
    bibliography sources appendix examples example usage installation description details content information links gallery career
    biography life death legacy awards plot cast reception release production geography demographics economy education sports culture
    members discography filmography honours publications features requirements license credits faq changelog general other"""
COMMON_HEADINGS = frozenset(_HEADINGS.split()) | {
    "early life", "personal life", "later life", "see also", "external links", "further reading", "table of contents", "getting started",
}
"""Headings that thousands of documents share; rarer ones that turn out to be shared are passed over when they are looked up."""

# Scripts written without spaces (Thai, Lao, Myanmar, Khmer, Han, kana): each character is a token of its own.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59\u0e81-\u0edf\u1000-\u1049\u1780-\u17d3\u3005-\u3007\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# Marks that belong to a word but that \w leaves out: accents, points, vowel signs.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8"
    "\u06ea-\u06ed\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u09d7\u0a01-\u0a03\u0a3c-\u0a4d\u0a70\u0a71\u0a81-\u0a83"
    "\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b4d\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d57"
    "\u0d82\u0d83\u0dca-\u0ddf"
)
_LETTER = rf"(?:[^\W_{_UNSPACED}]|[{_MARKS}])"
_APOSTROPHES = "'’`´"
_TOKEN = re.compile(rf"[A-Za-z](?:\+\+|#)(?!\w)|[{_UNSPACED}]|['’´`]?{_LETTER}+|&")
_NOT_WORD = re.compile(rf"[^\w{_MARKS}{_UNSPACED}]|_")
_UNSPACED_CHAR = re.compile(f"[{_UNSPACED}]")
_ACCENTS = re.compile("[\u0300-\u036f]+")
# Letters that no decomposition reduces to plain ones, though people do.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ʼ": None})

Name = tuple[str, str]
Mention = tuple[str, int, int]


class _Token(NamedTuple):
    key: str
    start: int
    """Without a leading apostrophe."""
    end: int
    glued: bool
    """Written onto the token before it with an apostrophe: the "'s" of "Bava's", the "Brien" of "O'Brien"."""
    unspaced: bool
    capital: bool
    """Begins with an upper-case letter or has one inside."""
    caseless: bool
    """Of a script without capitals; no number."""


@lru_cache(maxsize=65_536)
def _fold(word: str) -> tuple[str, bool, bool, bool]:
    """(key, unspaced, capital, caseless) of one token."""
    if word == "&":
        return "and", False, False, False
    bare = word.lstrip(_APOSTROPHES)
    capital = bare.lower() != bare
    if bare.isascii():
        return bare.lower(), False, capital, False
    caseless = bare.lower() == bare.upper() and not bare.isnumeric()
    key = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", bare).casefold())
    key = _NOT_WORD.sub("", _ACCENTS.sub("", key).translate(_PLAIN))
    return key, _UNSPACED_CHAR.match(bare) is not None, capital, caseless


def _tokens(text: str) -> Iterator[_Token]:
    last = -1
    for match in _TOKEN.finditer(text):
        word, start, end = match.group(), match.start(), match.end()
        key, unspaced, capital, caseless = _fold(word)
        if not key:
            continue
        apostrophe = word[0] in _APOSTROPHES and len(word) > 1
        yield _Token(key, start + apostrophe, end, apostrophe and start == last, unspaced, capital, caseless)
        last = end


def _join(tokens: Sequence[_Token]) -> str:
    """Keys with spaces between them, but none inside initials ("J. K." and "J.K." are both "jk"), before "'s", or in unspaced scripts."""
    parts: list[str] = []
    letter = unspaced = False
    for token in tokens:
        single = len(token.key) == 1 and not token.glued and not token.unspaced and token.key.isalpha()
        if parts and not (token.glued or (letter and single) or (unspaced and token.unspaced)):
            parts.append(" ")
        parts.append(token.key)
        letter, unspaced = single, token.unspaced
    key = "".join(parts)
    return key if key.isascii() else unicodedata.normalize("NFC", key)


def name_key(text: str) -> str:
    """The normal form under which names are stored and looked up: "" where nothing is left.

    Case, accents and punctuation are gone, white space is single, "&" is "and", initials stand together:
    "Étienne de Crécy" → "etienne de crecy", "J. K. Rowling's" → "jk rowlings", "AC/DC" → "ac dc", "C++" → "c++".
    """
    key = _join(list(_tokens(text)))
    if key.isascii():
        return key
    for _ in range(3):  # rare compatibility characters come apart into several words, and only then are they in normal form
        again = _join(list(_tokens(key)))
        if again == key:
            break
        key = again
    return key


def is_name(key: str) -> bool:
    """Whether a key can name something: more than one character, and not only numbers and function words."""
    if len(key) < 2:
        return False
    for word in key.split(" "):  # noqa: SIM110 (a generator takes twice as long)
        if word not in STOP_WORDS and not word.isnumeric():
            return True
    return False


_TRAILING_PARENTHESIS = re.compile(r"\s*[(\[（][^()\[\]（）]*[)\]）]\s*$")
_BEFORE_COMMA = re.compile(r"([^,]{2,60}),\s+[A-Z]")
_NUMBERING = re.compile(r"^\s*(?:\d{1,2}(?:\.\d+)*\.?|[A-Z]\.|[ivxIVX]+\.)\s+")
# A full stop after one to three letters is taken for an abbreviation's.
_SENTENCE_END = re.compile(r"(?<!\b\w)(?<!\b\w\w)(?<!\b\w\w\w)[.!?](?=\s|$)|[\n。]")
_MANNER = (
    "(?:formerly|originally|commonly|better|best|popularly|simply|often|sometimes|usually|previously|professionally|officially|locally|widely|generally"
    "|mononymously)"
)
_ALSO = re.compile(
    rf"""(?<![-\w])(?:
        (?:also|born(?=\s+as\b)|{_MANNER})\s+(?:known|called|named|written|spelled|spelt|titled|romani[sz]ed|as)(?:\s+{_MANNER})?(?:\s+(?:as|by))?
      | known\s+(?:{_MANNER}\s+)?as | (?P<bare>born|called|n[ée]e) | nicknamed | abbreviated(?:\s+(?:as|to))? | short\s+for | styli[sz]ed\s+as
      | a\.?k\.?a\.? | alias
    )[ :]+(?:the\s+)?["“”„'‘`*_ ]*(?P<name>[^"“”„()\[\];:,!?\n*]{{2,80}})""",
    re.VERBOSE,
)
_PARENTHESIS = re.compile(r"[(（]([^()（）]{2,80})[)）]")
_ACRONYM = re.compile(r"^[A-Z][A-Za-z0-9&./-]{0,10}[A-Z0-9]\.?$")


def document_names(title: str, headings: Sequence[str], first_text: str) -> list[Name]:
    """What a document is called: (key, kind), kind one of "title", "alias", "heading"; each key once, surest kind first.

    `first_text` is the beginning of the document: its first sentence may say what else the thing is called.
    """
    names: dict[str, str] = {}

    def add(text: str, kind: str) -> None:
        key = name_key(text)
        if is_name(key) and key.count(" ") < MAX_WORDS:
            names.setdefault(key, kind)

    title = " ".join(title[:500].split())
    add(title, "title")
    bare = _TRAILING_PARENTHESIS.sub("", title)
    add(bare, "alias")
    if place := _BEFORE_COMMA.match(bare):  # "Humboldt, Kansas", "Lambert, Margrave of Tuscany"
        add(place[1], "alias")
    for alias in _aliases(_SENTENCE_END.split(first_text[:1_000].strip(), maxsplit=1)[0], title):
        add(alias, "alias")
    for heading in headings:
        heading = heading[:500]
        plain = _NUMBERING.sub("", heading)
        if name_key(plain) not in COMMON_HEADINGS:
            add(heading, "heading")
            add(plain, "heading")
    return list(names.items())


def _aliases(sentence: str, title: str) -> Iterator[str]:
    for match in _ALSO.finditer(sentence):
        for part in re.split(r"\s+or\s+", match["name"]):
            alias = _leading_name(part)
            # "born March 9" and "Austrian-born Argentine" name nobody: a birth name has two words and no day after it.
            if alias and not (match["bare"] and (" " not in alias or re.match(r"\s*\d", part[len(alias) :]))):
                yield alias
    letters = name_key(title)
    for match in _PARENTHESIS.finditer(sentence):
        for part in re.split(r"[;,]", match[1]):
            if _ACRONYM.match(part.strip()) and _is_subsequence(name_key(part).replace(" ", ""), letters):
                yield part.strip()


def _is_subsequence(short: str, long: str) -> bool:
    rest = iter(long)
    return all(letter in rest for letter in short)


def _leading_name(text: str) -> str:
    """The capitalised words with which `text` begins: "Robert Zimmerman on May 24" → "Robert Zimmerman"."""
    end = 0
    before: _Token | None = None
    for token in _tokens(text):
        if before is not None and _BREAK.search(text, before.end, token.start) and not _abbreviated(text, before):
            break
        if token.capital or token.caseless:
            end = token.end
        elif token.key not in CONNECTORS or not end:
            break
        before = token
    return text[:end]


_QUOTED = re.compile(
    r"""["“”„«]([^"“”„«»\n]{2,100})["”“»]|``([^`'\n]{2,100})''|`([^`\n]{2,80})`|[「『《]([^」』》\n]{1,60})[」』》]"""
    r"""|(?<!\w)[‘']([^‘’'\n]{2,80})[’'](?!\w)"""
)
_IDENTIFIER = re.compile(r"\b[A-Za-z]\w*(?:[._]\w+)+|\b[a-z]+[A-Z]\w*")
# What may stand between two words of one name: spaces, hyphens, commas ("Paris, Texas"), the full stop of an abbreviation.
_BREAK = re.compile(r"[.!?](?=\s)|[\n;(){}\[\]\"“”„«»|=<>*]|``|''|[,:]\s*\n")


def mentions(text: str, *, every_ngram: bool = False) -> list[Mention]:
    """Phrases of `text` that may be names: (key, start, end) with `name_key(text[start:end]) == key`, by place, longest first.

    Capitalised phrases with the small words inside them, quoted and parenthesised phrases, identifiers, and the parts of all these that
    begin and end with a word that can carry a name. `every_ngram=True` is for questions, which people write without capitals:
    every phrase up to `MAX_WORDS` words that holds a content word. At most `MAX_MENTIONS`, from the beginning of the text.
    """
    found: dict[tuple[int, int], str] = {}
    tokens: list[_Token] = []
    for token in _tokens(text):
        tokens.append(token)
        if len(tokens) >= 4 * MAX_MENTIONS:
            break
    for first, last in _phrases(text, tokens, every_ngram):
        start, end = tokens[first].start, tokens[last].end
        if (start, end) in found:
            continue
        key = _join(tokens[first : last + 1])
        if not key.isascii():
            key = name_key(text[start:end])
        if is_name(key):
            found[start, end] = key
            if len(found) >= MAX_MENTIONS:
                break
    return [(key, start, end) for (start, end), key in sorted(found.items(), key=lambda item: (item[0][0], -item[0][1]))]


def _phrases(text: str, tokens: Sequence[_Token], every_ngram: bool) -> Iterator[tuple[int, int]]:
    """Index pairs (first, last) into `tokens`."""
    if every_ngram:
        for first, token in enumerate(tokens):
            if not token.glued:
                for last in range(first, min(first + MAX_WORDS, len(tokens))):
                    if _may_end(tokens, last):
                        yield first, last
        return
    yield from _marked_phrases(text, tokens)
    yield from _capital_phrases(text, tokens)


def _may_end(tokens: Sequence[_Token], last: int) -> bool:
    """A name may end before "'s" but not in the middle of "O'Brien"."""
    return last + 1 >= len(tokens) or not tokens[last + 1].glued or tokens[last + 1].key == "s"


def _marked_phrases(text: str, tokens: Sequence[_Token]) -> Iterator[tuple[int, int]]:
    """Whole phrases in quotation marks, parentheses or backticks, and identifiers."""
    starts = {token.start: index for index, token in enumerate(tokens)}
    ends = {token.end: index for index, token in enumerate(tokens)}
    covered = tokens[-1].end if tokens else 0
    for pattern in (_QUOTED, _PARENTHESIS, _IDENTIFIER):
        for match in pattern.finditer(text, 0, covered):
            inside = list(_tokens(match.group()))
            if not inside or len(inside) > MAX_WORDS:
                continue
            first, last = starts.get(match.start() + inside[0].start), ends.get(match.start() + inside[-1].end)
            if first is not None and last is not None and first <= last:
                yield first, last


def _capital_phrases(text: str, tokens: Sequence[_Token]) -> Iterator[tuple[int, int]]:
    """Phrases of capitalised words, numbers and connectors; in scripts without capitals, all short phrases."""
    for first, token in enumerate(tokens):
        if token.glued or not (token.capital or token.caseless or token.key[0].isdigit() or token.key in ("the", "a")):
            continue
        small = 0  # connectors since the last word that can end a name
        longest = MAX_WORDS if token.unspaced or not token.caseless else MAX_CASELESS_WORDS
        for last in range(first, min(first + longest, len(tokens))):
            here = tokens[last]
            if last > first and _BREAK.search(text, tokens[last - 1].end, here.start) and not _abbreviated(text, tokens[last - 1]):
                break
            if here.capital or here.caseless or here.key[0].isdigit():
                small = 0
                if _may_end(tokens, last):
                    yield first, last
            elif here.key in CONNECTORS or here.glued:
                small += 1
                if small > 3 or (here.glued and here.key == "s" and last == first):
                    break
            else:
                break


def _abbreviated(text: str, token: _Token) -> bool:
    """Whether the full stop after `token` looks like an abbreviation's: an initial, "Dr.", "St.", "Vol."."""
    return text[token.end : token.end + 1] == "." and token.end - token.start <= 3 and token.capital and _BREAK.match(text, token.end) is not None
