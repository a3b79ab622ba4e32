"""lenient_json: JSON out of a chat model's text, whatever stands around it and however carelessly it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar

_BRACKET = re.compile(r"[\[{]")
_MOST_FAILURES = 40
"""Brackets that open no JSON; a hostile text would have one at every character."""
_MOST_DEEP = 50


def json_values(text: str) -> Iterator[Any]:
    """All JSON objects and arrays in a text, in order, those inside another left out.

    Prose and code fences around them do not matter. What models often get wrong is mended: trailing commas, single quotes, bare keys, Python's
    True/False/None, unescaped quotes in a string. Where the text was cut off, open brackets are closed; a string or number that was cut in
    the middle is left out, not guessed.
    """
    strict = json.JSONDecoder(strict=False)
    at, failures = 0, 0
    while failures < _MOST_FAILURES and (bracket := _BRACKET.search(text, at)):
        try:
            value, at = strict.raw_decode(text, bracket.start())
        except (ValueError, RecursionError):
            try:
                value, at = _Lenient(text).container(bracket.start(), 0)
            except (_NotJson, ValueError):  # ValueError: a number of thousands of digits
                at = bracket.end()
                failures += 1
                continue
        yield value


class _NotJson(Exception):
    """What stands here is no JSON, or was cut off before it said anything."""


class _Lenient:
    """A recursive descent over almost-JSON. Each method takes where to begin and returns (value, where it ended)."""

    _SPACE = re.compile(r"\s*")
    _GAP = re.compile(r"[\s,]*")
    _NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?(?=[\s,\]}])")
    _WORD = re.compile(r"[A-Za-z_$][\w$-]*")
    _FRAGMENT = re.compile(r"[\w.+-]+\Z")  # the beginning of a number or a word
    _PLAIN: ClassVar = {'"': re.compile(r'[^"\\]+'), "'": re.compile(r"[^'\\]+")}
    _KEY_ENDS = re.compile(r"\s*:")
    _VALUE_ENDS = re.compile(r"\s*([,\]}]|$)")
    _WORDS: ClassVar = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
    _ESCAPES: ClassVar = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}

    def __init__(self, text: str) -> None:
        self.text = text

    def container(self, at: int, depth: int) -> tuple[Any, int]:
        if depth > _MOST_DEEP:
            raise _NotJson
        return self._object(at + 1, depth) if self.text[at] == "{" else self._array(at + 1, depth)

    def _object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        while True:
            at = self._skip(self._GAP, at)
            if self._cut(at):
                return self._unless_empty(found), at
            if self.text[at] == "}":
                return found, at + 1
            key, at = self._key(at)
            at = self._skip(self._SPACE, at)
            if self._cut(at):
                return self._unless_empty(found), at
            if self.text[at] != ":":
                raise _NotJson
            at = self._skip(self._SPACE, at + 1)
            try:
                found[key], at = self._value(at, depth)
            except _CutOff:
                return self._unless_empty(found), len(self.text)

    def _array(self, at: int, depth: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        while True:
            at = self._skip(self._GAP, at)
            if self._cut(at):
                return self._unless_empty(found), at
            if self.text[at] == "]":
                return found, at + 1
            try:
                value, at = self._value(at, depth)
            except _CutOff:
                return self._unless_empty(found), len(self.text)
            found.append(value)

    def _key(self, at: int) -> tuple[str, int]:
        if self.text[at] in "\"'":
            try:
                return self._string(at, self._KEY_ENDS)
            except _CutOff:
                return "", len(self.text)  # the object sees that the text ends here
        if word := self._WORD.match(self.text, at):
            return word.group(), word.end()
        raise _NotJson

    def _value(self, at: int, depth: int) -> tuple[Any, int]:
        if self._cut(at):
            raise _CutOff
        first = self.text[at]
        if first in "{[":
            try:
                return self.container(at, depth + 1)
            except _Nothing:
                raise _CutOff from None
        if first in "\"'":
            return self._string(at, self._VALUE_ENDS)
        if number := self._NUMBER.match(self.text, at):
            return json.loads(number.group()), number.end()
        word = self._WORD.match(self.text, at)
        if word and word.group() in self._WORDS:
            return self._WORDS[word.group()], word.end()
        if self._FRAGMENT.match(self.text, at):
            raise _CutOff
        raise _NotJson

    def _string(self, at: int, ends: re.Pattern[str]) -> tuple[str, int]:
        """A quote closes the string only where what follows may follow: models forget to escape the quotes inside."""
        quote, parts, at = self.text[at], list[str](), at + 1
        while at < len(self.text):
            if plain := self._PLAIN[quote].match(self.text, at):
                parts.append(plain.group())
                at = plain.end()
            elif self.text[at] == "\\":
                part, at = self._escape(at + 1)
                parts.append(part)
            elif ends.match(self.text, at + 1):
                joined = "".join(parts)  # escaped surrogate pairs become one character
                return joined.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), at + 1
            else:
                parts.append(quote)
                at += 1
        raise _CutOff

    def _escape(self, at: int) -> tuple[str, int]:
        char = self.text[at : at + 1]
        if char == "u" and re.fullmatch(r"[0-9a-fA-F]{4}", self.text[at + 1 : at + 5]):
            return chr(int(self.text[at + 1 : at + 5], 16)), at + 5
        return self._ESCAPES.get(char, char), at + 1

    def _skip(self, pattern: re.Pattern[str], at: int) -> int:
        match = pattern.match(self.text, at)
        return match.end() if match else at

    def _cut(self, at: int) -> bool:
        return at >= len(self.text)

    def _unless_empty(self, found: Any) -> Any:
        if not found:
            raise _Nothing
        return found


class _CutOff(Exception):
    """The text ends in the middle of a string, a number or a word."""


class _Nothing(_NotJson):
    """A container that was cut off before it held anything."""
