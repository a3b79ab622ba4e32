"""Structure: headings and blocks as people write them, and no character outside of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.structure import Heading, front_matter, structure


def outline(text: str, source: str = "a.md") -> list[tuple[str | int, str]]:
    """(level, heading) and (kind, text of the block)."""
    return [(part.level, part.text) if isinstance(part, Heading) else (part.kind, text[part.start : part.end]) for part in structure(text, source)]


def test_blocks_of_every_kind() -> None:
    text = """# Boats #

They are rowed,
and tarred.

- ash
  oars

  and more
- pine
Lazy.

Not the list.
| a | b |
|---|---|
| 1 | 2 |

x | y
--|--
3 | 4

```sh
# not a heading

row
```
## After
"""
    assert outline(text) == [
        (1, "Boats"),
        ("paragraph", "They are rowed,\nand tarred."),
        ("list", "- ash\n  oars\n\n  and more\n- pine\nLazy."),
        ("paragraph", "Not the list."),
        ("lines", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("lines", "x | y\n--|--\n3 | 4"),
        ("lines", "```sh\n# not a heading\n\nrow\n```"),
        (2, "After"),
    ]


@pytest.mark.parametrize(
    ("text", "level", "heading"),
    [
        ("### The *old* `harbour` [map](http://x.example/y) {#old}", 3, "The old harbour map"),
        ("The harbour\n===========", 1, "The harbour"),
        ("The harbour\n---", 2, "The harbour"),
        ("== Later life ==", 2, "Later life"),
        ("# snake_case and __bold__", 1, "snake_case and bold"),
    ],
)
def test_headings(text: str, level: int, heading: str) -> None:
    assert outline(text) == [(level, heading)]
    assert outline(f"{text}\r\n\r\nBody.") == [(level, heading), ("paragraph", "Body.")]


@pytest.mark.parametrize("text", ["#hashtag", "# !!!", "A sentence ends here.\n---", "# " + "long " * 60, "    # indented", "a == b == c"])
def test_what_only_looks_like_a_heading(text: str) -> None:
    assert all(kind == "paragraph" for kind, _ in outline(text))


def test_code_and_data_have_no_headings() -> None:
    text = "# a comment\nx = 1\n\n\ny = 2\n"
    assert outline(text, "src/boat.py") == [("lines", "# a comment\nx = 1"), ("lines", "y = 2")]
    assert outline(text, "notes")[0] == (1, "a comment")


def test_front_matter() -> None:
    text = "---\ntitle: 'The: Harbour'\nyear: 1702\ndepth: 9.5\nopen: true\ntags:\n  - a\nalso: [b]\nnone: null\n# comment\n---\n# H"
    start, fields = front_matter(text)
    assert text[start:] == "# H"
    assert fields == {"title": "The: Harbour", "year": 1702, "depth": 9.5, "open": True}


@pytest.mark.parametrize("text", ["", "---", "---\n\nA rule.\n\n---\nMore", "---\na: b\nno end", "x\n---\na: b\n---\n", "---\n---\n"])
def test_no_front_matter(text: str) -> None:
    assert front_matter(text) == (0, {})


marks = st.sampled_from(["# h\n", "a\n---\n", "```\n", "~~~\n", "- i\n", "| a |\n", "a|b\n", "--|--\n", "== w ==\n", "---\n"])
blanks = st.sampled_from(["\n", "\r\n", "\r", "\f", " ", "x "])


@given(st.lists(marks | blanks | st.text(max_size=8), max_size=30).map("".join), st.sampled_from(["a.md", "a.py"]))
def test_parts_are_ordered_and_hold_every_character(text: str, source: str) -> None:
    end = 0
    for part in structure(text, source):
        assert end <= part.start < part.end
        assert not text[end : part.start].strip()
        end = part.end
    assert not text[end:].strip()
