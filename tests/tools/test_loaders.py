"""Loaders: every good file becomes a document, every bad one is refused by name with its reason, and nothing stops the rest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.errors import UsageError
from passel.tools.loaders import Document, Refusal, Unchanged, count_paths, load_paths

PDF = Path(__file__).parents[1] / "data" / "loaders" / "two-pages.pdf"


def load(*paths: Path, **options: Any) -> tuple[dict[str, Document], dict[str, str]]:
    items = list(load_paths(paths, **options))
    assert len(items) == count_paths(paths)
    documents = {item.source: item for item in items if isinstance(item, Document)}
    return documents, {Path(item.path).name: item.reason for item in items if isinstance(item, Refusal)}


def test_a_folder_gives_its_files_by_relative_path(tmp_path: Path) -> None:
    (tmp_path / "b" / "node_modules").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    for name in ("a.md", "b/c.txt", "b/node_modules/x.md", ".hidden/y.md", ".z.md", "b/skip.log", "draft-1.md"):
        (tmp_path / name).write_text(f"# The {Path(name).stem}\n\nText.")
    (tmp_path / ".passelignore").write_text("# what we do not want\n*.log\ndraft-*\n")
    documents, refused = load(tmp_path)
    assert list(documents) == ["a.md", "b/c.txt"]
    assert documents["a.md"].title == "The a"
    assert documents["a.md"].text == "# The a\n\nText."
    assert documents["a.md"].origin == str((tmp_path / "a.md").resolve())
    assert not refused


def test_bad_files_are_refused_by_name_with_the_reason(tmp_path: Path) -> None:
    inside = tmp_path / "docs"
    inside.mkdir()
    (tmp_path / "secret.txt").write_text("not yours")
    (inside / "good.md").write_text("Good.")
    (inside / "empty.md").write_text(" \n ")
    (inside / "binary.txt").write_bytes(b"abc\0def")
    (inside / "latin.txt").write_bytes("Straße".encode("latin-1"))
    (inside / "big.txt").write_text("x" * 2000)
    (inside / "photo.png").write_bytes(b"\x89PNG")
    (inside / "broken.pdf").write_bytes(b"%PDF-1.4 nonsense")
    (inside / "broken.docx").write_bytes(b"PK nonsense")
    (inside / "out.txt").symlink_to(tmp_path / "secret.txt")
    (inside / "nowhere.txt").symlink_to(tmp_path / "gone.txt")
    os.mkfifo(inside / "pipe.txt")
    documents, refused = load(inside, tmp_path / "absent", max_bytes=1000)
    assert list(documents) == ["good.md"]
    expected = {
        "empty.md": "empty", "binary.txt": "binary", "latin.txt": "0xdf at offset 4", "big.txt": "2,000 bytes", "photo.png": ".png", "broken.pdf": "converted",
        "broken.docx": "converted", "out.txt": "leads out", "nowhere.txt": "nowhere", "pipe.txt": "regular", "absent": "no such file",
    }  # fmt: skip
    assert set(refused) == set(expected)
    for name, words in expected.items():
        assert words in refused[name], f"{name}: {refused[name]}"
        assert "\n" not in refused[name]


def test_encodings_with_a_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "u8.txt").write_bytes("\ufeffStraße\r\nzwei".encode())
    (tmp_path / "u16.txt").write_bytes("Straße".encode("utf-16"))
    documents, _ = load(tmp_path)
    assert documents["u8.txt"].text == "Straße\nzwei"
    assert documents["u16.txt"].text == "Straße"


def test_titles_and_metadata(tmp_path: Path) -> None:
    (tmp_path / "front.md").write_text("---\ntitle: A Title\nauthor: 'Ann'\ntags: [x]\n---\n# Heading\nBody.")
    (tmp_path / "plain-old_notes.txt").write_text("No heading here.")
    (tmp_path / "page.html").write_text("<html><head><title>Page title</title></head><body><h1>H</h1><p>Hello <b>there</b>.</p><script>x()</script></body></html>")
    documents, _ = load(tmp_path)
    assert (documents["front.md"].title, dict(documents["front.md"].metadata)) == ("A Title", {"author": "Ann"})
    assert documents["front.md"].text == "# Heading\nBody."
    assert documents["plain-old_notes.txt"].title == "plain old notes"
    assert documents["page.html"].title == "Page title"
    assert "Hello **there**." in documents["page.html"].text
    assert "x()" not in documents["page.html"].text


def test_a_pdf_knows_where_its_pages_start() -> None:
    documents, refused = load(PDF)
    assert not refused
    (document,) = documents.values()
    assert len(document.pages) == 2
    assert "first page" in document.text[: document.pages[1]]
    assert document.text[document.pages[1] :].lstrip().startswith("The second page")


def test_records_of_a_jsonl_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [
        {"id": "one", "title": "T", "text": "First.", "year": 1990, "tags": ["x"], "none": None, "metadata": {"tenant": "a"}},
        {"_id": 7, "text": "Second."},
        {"text": "Third."},
    ]
    bad = ["{not json", "[1]", '{"title": "no text"}', '{"id": "one", "text": "again"}', '{"id": [1], "text": "x"}', '{"text": "\\ud800"}']
    file.write_text("\n".join([json.dumps(row) for row in rows] + ["", *bad]))
    documents, refused = load(file)
    assert list(documents) == ["one", "7", "rows.jsonl:3"]
    assert documents["one"].text == "First."
    assert dict(documents["one"].metadata) == {"tenant": "a", "year": 1990}
    assert list(refused) == [f"rows.jsonl:{n}" for n in range(5, 11)]


def test_what_is_known_is_not_converted_again(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("One.")
    (tmp_path / "r.jsonl").write_text('{"id": "x", "text": "Two."}\n')
    first = {item.source: item for item in load_paths([tmp_path]) if isinstance(item, Document)}
    again = list(load_paths([tmp_path], known=lambda source, origin, sha256: first[source].sha256 == sha256))
    assert all(isinstance(item, Unchanged) for item in again)
    assert {item.source for item in again if isinstance(item, Unchanged)} == {"a.md", "x"}
    (tmp_path / "a.md").write_text("One more.")
    changed = [item for item in load_paths([tmp_path], known=lambda source, origin, sha256: first[source].sha256 == sha256) if isinstance(item, Document)]
    assert [item.source for item in changed] == ["a.md"]


def test_a_document_in_memory() -> None:
    document = Document.from_text("Text.", title="T", metadata={"year": 1990, "list": [1], "none": None})
    assert document.source.startswith("text-")
    assert dict(document.metadata) == {"year": 1990}
    for bad in ("", "  ", "a\0b", "\ud800"):
        with pytest.raises(UsageError):
            Document.from_text(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_one_document_or_one_refusal(raw: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.md", "a.jsonl"):
            path = Path(folder, name)
            path.write_bytes(raw)
            items = list(load_paths([path]))
            assert len(items) == count_paths([path])
            assert all(isinstance(item, Document | Refusal) for item in items)
