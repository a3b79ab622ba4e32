"""Structure: the front matter, headings and blocks of a text, each with its span.

Markdown as people write it, not the whole of CommonMark: ATX, setext (one line) and MediaWiki headings, lists, pipe tables, code fences;
everything else is a paragraph. Source code, data and logs have no headings (there `#` starts a comment): their blocks are runs of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from .passage import Scalar

_CODE_AND_DATA = (
    ".bash .bat .bib .c .cc .cfg .clj .cmake .conf .cpp .cs .css .csv .cxx .dart .diff .dockerfile .env .ex .exs .f90 .go .gradle .graphql "
    ".groovy .h .hpp .hs .ini .java .jl .js .json .json5 .jsx .kt .less .lisp .log .lua .m .makefile .ml .mjs .patch .php .pl .pm .properties "
    ".proto .ps1 .py .pyi .r .rb .rs .sass .scala .scss .sh .sql .srt .swift .tf .toml .ts .tsv .tsx .vb .vim .vtt .vue .xml .yaml .yml .zig "
    ".zsh"
)
BY_LINE = frozenset(_CODE_AND_DATA.split())
"""Suffixes of files that are read line by line."""

MARKDOWN = frozenset((".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"))
"""Suffixes of files that may start with front matter."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_WIKI = re.compile(r"\s*(={2,6})[ \t]*([^=\s].*?)[ \t]*\1\s*")
_SETEXT = re.compile(r" {0,3}(={2,}|-{3,})\s*")
_FENCE = re.compile(r"\s*(?:(`{3,})[^`]*|(~{3,}).*)")
LIST_ITEM = re.compile(r"\s*(?:[-*+•‣]|\d{1,3}[.)])[ \t]+\S")
_FIELD = re.compile(r"([\w][\w .-]*?)[ \t]*:(?:[ \t]+(.*?))?[ \t]*")
_MARKUP = re.compile(r"!?\[([^\]\[]*)\]\([^)\s]*(?:\s[^)]*)?\)|\s*\{#[^}]*\}\s*$|<[^<>]*>|[*`¶]+|(?<!\w)_+|_+(?!\w)")
_HEADING_LENGTH = 200
"""Longer lines are paragraphs (and never meet the patterns above, some of which are slow on long ones)."""
_FIELD_LENGTH = 1_000

Kind = Literal["paragraph", "list", "lines"]
"""`lines` (tables, code, data) are cut between lines, the others between sentences."""


@dataclass(frozen=True, slots=True)
class Heading:
    start: int
    end: int
    level: int
    text: str
    """Without its markup."""


@dataclass(frozen=True, slots=True)
class Block:
    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    text: str
    """Without its line break."""

    @property
    def blank(self) -> bool:
        return not self.text or self.text.isspace()


def structure(text: str, source: str = "") -> Iterator[Heading | Block]:
    """Headings and blocks in order, disjoint; every character that is not whitespace is in one of them.

    Linear in the text's length. The suffix of `source` says how the text is to be read: see `BY_LINE`.
    """
    return (_runs_of_lines if _suffix(source) in BY_LINE else _markdown)(_lines(text))


def front_matter(text: str) -> tuple[int, dict[str, Scalar]]:
    """Where the text goes on after its front matter (0: it has none), and the fields in it of the form `key: value`.

    Front matter stands at the very start, between lines of `---`, and holds at least one field; lists and nested fields in it are left out.
    """
    lines = _lines(text)
    first = next(lines, None)
    if first is None or first.text.rstrip() != "---":
        return 0, {}
    fields: dict[str, Scalar] = {}
    for line in lines:
        if line.text.rstrip() in ("---", "..."):
            return (line.end, fields) if fields else (0, {})
        match = _FIELD.fullmatch(line.text) if len(line.text) <= _FIELD_LENGTH else None
        if match and match.group(2):
            value = _scalar(match.group(2))
            if value is not None:
                fields[match.group(1)] = value
        elif not (match or line.blank or line.text[0] in " \t-#]}" or len(line.text) > _FIELD_LENGTH):
            return 0, {}
    return 0, {}


def plain(heading: str) -> str:
    """A heading's text without Markdown's emphasis, links, code marks and anchors."""
    return " ".join(_MARKUP.sub(r"\1", heading).split())


def _suffix(source: str) -> str:
    name = PurePosixPath(source).name.lower()
    return PurePosixPath(name).suffix or (f".{name}" if name in ("makefile", "dockerfile") else "")


def _scalar(value: str) -> Scalar | None:
    """A YAML scalar of the simple kinds; None for everything else."""
    if value[0] in "\"'" and value[-1] == value[0] and len(value) > 1:
        return value[1:-1] or None
    if value[0] in "[{&*!|>%@`\"'":
        return None
    value = re.sub(r"\s+#.*", "", value)
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value.lower() in ("null", "~", ""):
        return None
    if re.fullmatch(r"[+-]?(0|[1-9]\d{0,17})", value, re.ASCII):
        return int(value)
    if re.fullmatch(r"[+-]?\d{1,17}\.\d{1,17}", value, re.ASCII):
        return float(value)
    return value


def _lines(text: str) -> Iterator[_Line]:
    for match in _LINE.finditer(text):
        yield _Line(match.start(), match.end(), match.group().rstrip("\r\n"))


def _runs_of_lines(lines: Iterator[_Line]) -> Iterator[Block]:
    run: list[_Line] = []
    for line in lines:
        if line.blank:
            yield from _block(run, "lines")
        else:
            run.append(line)
    yield from _block(run, "lines")


def _block(run: list[_Line], kind: Kind) -> Iterator[Block]:
    """The block of the lines in `run`, which is emptied; nothing where there are none."""
    if run:
        last = run[-1]
        yield Block(run[0].start, last.start + len(last.text), kind)
        run.clear()


def _markdown(lines: Iterator[_Line]) -> Iterator[Heading | Block]:
    run: list[_Line] = []  # the block that is being read
    kind: Kind = "paragraph"
    fence = ""  # what closes the code that is being read
    after_blank = False
    for line in lines:
        if fence:
            run.append(line)
            if _closes(line.text, fence):
                fence = ""
                yield from _block(run, "lines")
            continue
        if line.blank:
            after_blank = True
            if kind != "list":  # a list may go on after a blank line
                yield from _block(run, kind)
            continue
        under = _setext(run[0], line) if len(run) == 1 and kind == "paragraph" else None
        if under:
            run.clear()
            yield under
        elif heading := _heading(line):
            yield from _block(run, kind)
            yield heading
        elif opened := _FENCE.fullmatch(line.text):
            yield from _block(run, kind)
            fence = opened.group(1) or opened.group(2)
            run.append(line)
        elif len(run) == 1 and kind == "paragraph" and "|" in run[0].text and _is_ruler(line.text):
            kind = "lines"  # the line before was the head of a table
            run.append(line)
        else:
            new: Kind = "list" if LIST_ITEM.match(line.text) else "lines" if _is_row(line.text, within=bool(run) and kind == "lines") else "paragraph"
            goes_on_with_item = kind == "list" and new == "paragraph" and (not after_blank or line.text[0] in " \t")
            if new != kind and not goes_on_with_item:
                yield from _block(run, kind)
            kind = kind if run else new
            run.append(line)
        after_blank = False
    yield from _block(run, "lines" if fence else kind)


def _is_row(line: str, *, within: bool) -> bool:
    return line.lstrip().startswith("|") or (within and "|" in line)


def _is_ruler(line: str) -> bool:
    """The line under a table's head."""
    return "-" in line and not line.strip(" \t|:-")


def _closes(line: str, fence: str) -> bool:
    line = line.strip()
    return line.startswith(fence) and not line.strip(fence[0])


def _heading(line: _Line) -> Heading | None:
    if len(line.text) > _HEADING_LENGTH:
        return None
    if match := _ATX.fullmatch(line.text):
        return _as_heading(line, line, re.sub(r"[ \t]+#+[ \t]*$", "", match.group(2)), len(match.group(1)))
    if match := _WIKI.fullmatch(line.text):
        return _as_heading(line, line, match.group(2), len(match.group(1)))
    return None


def _setext(line: _Line, under: _Line) -> Heading | None:
    """The heading that the `line` before is by the line of `=` or `-` under it."""
    match = _SETEXT.fullmatch(under.text)
    if not match or len(line.text) > _HEADING_LENGTH or line.text.rstrip()[-1] in ".:;,|" or line.text.lstrip()[0] in "|>":
        return None
    return _as_heading(line, under, line.text, 1 if match.group(1)[0] == "=" else 2)


def _as_heading(first: _Line, last: _Line, text: str, level: int) -> Heading | None:
    """None for what is no name of anything: nothing but signs."""
    text = plain(text)
    if not any(char.isalnum() for char in text):
        return None
    return Heading(first.start, last.start + len(last.text), level, text)
