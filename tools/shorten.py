"""shorten: a text in one line, cut where it is too long to be read there."""

from __future__ import annotations


def shorten(text: str, most: int) -> str:
    """White space folded; over `most` characters cut after a word, where one ends there, and "…". A text without blanks is cut anywhere, which
    `textwrap.shorten` leaves nothing of."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[: most + 1].rpartition(" ")[0] or line[:most]
    return f"{cut} …"
