"""Loaders: every good file becomes a document, every bad one is refused by name with its reason, and nothing stops the rest."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools import convert
from passel.tools.errors import UsageError
from passel.tools.loaders import Document, Refusal, Unchanged, count_paths, load_paths
from passel.tools.sentences import sentences
from passel.tools.splitter import split

DATA = Path(__file__).parents[1] / "data" / "loaders"
PDF = DATA / "two-pages.pdf"


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


def test_the_folder_of_a_corpus_is_no_documents(tmp_path: Path) -> None:
    (tmp_path / "docs" / "mine").mkdir(parents=True)
    (tmp_path / "docs" / "a.md").write_text("A text.")
    for name in ("corpus.sqlite3", "writer.json"):
        (tmp_path / "docs" / "mine" / name).write_text("{}")
    documents, refused = load(tmp_path / "docs")
    assert list(documents) == ["a.md"]
    assert "the folder of a corpus" in refused["mine"]
    assert load(tmp_path / "docs" / "mine") == ({}, refused)


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
        "empty.md": "empty", "binary.txt": "binary", "latin.txt": "0xdf at offset 4", "big.txt": "2,000 bytes", "photo.png": ".png",
        "broken.pdf": "converted", "broken.docx": "converted", "out.txt": "leads out", "nowhere.txt": "nowhere", "pipe.txt": "regular",
        "absent": "no such file",
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
    body = "<h1>H</h1><p>Hello <b>there</b>.</p><script>x()</script>"
    (tmp_path / "page.html").write_text(f"<html><head><title>Page title</title></head><body>{body}</body></html>")
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
    changed = load_paths([tmp_path], known=lambda source, origin, sha256: first[source].sha256 == sha256)
    assert [item.source for item in changed if isinstance(item, Document)] == ["a.md"]


def test_a_document_in_memory() -> None:
    document = Document.from_text("Text.", title="T", metadata={"year": 1990, "list": [1], "none": None})
    assert document.source.startswith("text-")
    assert dict(document.metadata) == {"year": 1990}
    for bad in ("", "  ", "a\0b", "\ud800"):
        with pytest.raises(UsageError):
            Document.from_text(bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_one_document_or_one_refusal(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.md", "a.jsonl"):
            path = Path(folder, name)
            path.write_bytes(raw)
            items = list(load_paths([path]))
            assert len(items) == count_paths([path])
            assert all(isinstance(item, Document | Refusal) for item in items)


def test_what_is_ignored_and_taken_back(tmp_path: Path) -> None:
    for name in ("a.md", "b.log", "keep.log", "drafts/c.md", "drafts/keep.log", "docs/drafts", "docs/old/d.md", "old/e.md", "venv/f.md", "x[1].md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("Text.")
    (tmp_path / "docs" / ".passelignore").write_text("*\n")  # only the one at the root counts
    (tmp_path / ".passelignore").write_text("*.log\n!keep.log\n\ndrafts/\n/old\nx[[]1].md\r\n")
    documents, refused = load(tmp_path)
    assert list(documents) == ["a.md", "docs/drafts", "docs/old/d.md", "keep.log"]
    assert not refused
    assert list(load(tmp_path / "b.log", tmp_path / "venv")[0]) == ["b.log", "f.md"]  # named by the user


def test_links_inside_the_folder_are_no_second_documents(tmp_path: Path) -> None:
    (tmp_path / ".store").mkdir()
    (tmp_path / ".store" / "blob").write_text("Text.")
    (tmp_path / "z.md").write_text("Text.")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "up").symlink_to(tmp_path)
    (tmp_path / "a.md").symlink_to(tmp_path / "z.md")
    (tmp_path / "b.md").symlink_to(tmp_path / ".store" / "blob")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    documents, refused = load(tmp_path)
    assert list(documents) == ["b.md", "z.md"]
    assert refused == {"loop": "links that lead in a circle"}
    (tmp_path / "current").symlink_to(tmp_path / ".store")
    assert "a folder that is passed over" in load(tmp_path)[1]["current"]
    (tmp_path / "outside").symlink_to(Path("/"))
    assert "leads out" in load(tmp_path)[1]["outside"]
    assert list(load(tmp_path / "b.md", tmp_path)[0]) == ["b.md", "z.md"]


def test_a_file_that_is_reached_twice_counts_once_and_a_name_is_given_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.md").write_text("Text.")
    (tmp_path / "rows.jsonl").write_text('{"id": "a.md", "text": "Another."}\n')
    documents, refused = load(tmp_path / "sub", tmp_path / "sub" / "a.md", tmp_path / "rows.jsonl", tmp_path)
    assert list(documents) == ["a.md"]
    assert documents["a.md"].text == "Text."
    assert "'a.md' is taken by" in refused["rows.jsonl:1"]


@pytest.mark.skipif(os.name != "posix", reason="file permissions and byte names are POSIX")
def test_what_may_not_be_read_or_has_no_name() -> None:
    shut = {"secret.md", "rows.jsonl", "closed"}
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "good.md").write_text("Good.")
        for file in ("secret.md", "rows.jsonl"):
            (folder / file).write_text("Secret.")
            (folder / file).chmod(0)
        (folder / "closed").mkdir(mode=0)
        Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.md")).write_text("Text.")
        is_root = os.geteuid() == 0
        if is_root:  # root may read everything, so be somebody else for a moment
            os.seteuid(65534)
        try:
            documents, refused = load(folder)
        finally:
            if is_root:
                os.seteuid(0)
            (folder / "closed").chmod(0o700)
    assert list(documents) == ["good.md"]
    assert {name: reason for name, reason in refused.items() if name in shut} == dict.fromkeys(shut, "no permission to read it")
    assert refused["caf\ufffd.md"] == "its name is not UTF-8"


def test_a_file_that_vanishes_meanwhile_stops_nothing(tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "c.jsonl", "d.md"):
        (tmp_path / name).write_text("Text.")
    items = load_paths([tmp_path])
    first = next(items)
    (tmp_path / "b.md").unlink()
    (tmp_path / "c.jsonl").unlink()
    rest = list(items)
    assert [getattr(item, "source", "") for item in (first, *rest)] == ["a.md", "b.md", "", "d.md"]
    assert [item.reason for item in rest if isinstance(item, Refusal)] == ["no such file or folder"] * 2


def test_a_refusal_says_which_document_it_is_about(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    (tmp_path / "rows.jsonl").write_text('{"id": "x"}\n{"id": 5, "text": " "}\n!\n')
    items = [item for item in load_paths([tmp_path]) if isinstance(item, Refusal)]
    assert [item.source for item in items] == ["bad.txt", "x", "5", "rows.jsonl:3"]
    assert {item.origin for item in items} == {str(tmp_path.resolve() / "bad.txt"), str(tmp_path.resolve() / "rows.jsonl")}
    assert [item.path for item in items] == [str(tmp_path / "bad.txt"), *(f"{tmp_path / 'rows.jsonl'}:{n}" for n in (1, 2, 3))]


def test_word_and_html_become_markdown_with_a_title(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: Any, **__: Any) -> None:
        raise AssertionError("a converter reached for the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    documents, refused = load(DATA)
    ferries, harbour = documents["ferries.docx"], documents["harbour.html"]
    assert ferries.title == "Ferries & tides"
    assert ferries.text.startswith("# Ferry times\n\nThe ferry leaves Lapwing at seven.\n\n## In winter")
    assert "| June | 9 |" in ferries.text
    assert harbour.title == "The old harbour"
    assert "It was dug in **1702** by café owners & friends." in harbour.text
    assert "A map" in harbour.text
    assert not any(word in harbour.text for word in ("base64", "alert", "red"))
    assert refused == {"scanned.pdf": "no text in it; a scanned PDF?"}


def test_a_pdf_sentence_goes_on_over_hyphens_and_pages() -> None:
    keepers = load(DATA / "keepers.pdf")[0]["keepers.pdf"]
    assert keepers.title == "The Keepers of Mole Light"
    assert "had to examine it every hour" in keepers.text
    found = [keepers.text[start:end].replace("\n", " ") for start, end in sentences(keepers.text)]
    assert "The last of the keepers who lived in the tower was Tam Rudd." in found
    assert [keepers.text[start:][:9] for start in keepers.pages] == ["The lamp ", "the tower"]


def test_a_passage_knows_its_page() -> None:
    document = load(PDF)[0]["two-pages.pdf"]
    passages = split(document, lambda texts: [len(text.split()) for text in texts], max_tokens=8)
    assert [(passage.text[:10], passage.page) for passage in passages] == [("The first ", 1), ("The second", 2)]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<meta charset=windows-1252><p>Caf\xe9 \x93x\x94</p>".encode("latin-1"), "Café “x”"),
        ("<p>Café</p>".encode("utf-8-sig"), "Café"),
        ("<p>Café</p>".encode("utf-16"), "Café"),
        ("<meta charset=nonsense><p>Café</p>".encode(), "Café"),
        ("<p>Caf\xe9</p>".encode("latin-1"), "not UTF-8 text: byte 0xe9 at offset 6; save it as UTF-8"),
        ("<meta charset=shift_jis><p>\xff</p>".encode("latin-1"), "not shift_jis text, as it says it is: byte 0xff at offset 27"),
    ],
)
def test_html_is_read_as_it_declares(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "page.html").write_bytes(content)
    documents, refused = load(tmp_path)
    assert documents["page.html"].text == text if documents else refused["page.html"] == text


def test_a_known_file_is_not_even_converted(tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nonsense")
    asked: list[tuple[str, str, str]] = []
    (item,) = load_paths([tmp_path], known=lambda *key: not asked.append(key))
    assert isinstance(item, Unchanged)
    assert asked == [(item.source, item.origin, item.sha256)]
    assert (item.source, item.origin) == ("broken.pdf", str(tmp_path.resolve() / "broken.pdf"))


def test_office_files_are_not_unpacked_without_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 2_000_000)
    monkeypatch.setattr(convert, "MAX_UNPACKED", 1_000_000)
    assert load(tmp_path)[1]["bomb.docx"].startswith("unpacks to 2 MB, more than")


@pytest.mark.skipif(find_spec("pptx") is not None, reason="python-pptx is installed")
def test_a_missing_converter_is_named(tmp_path: Path) -> None:
    (tmp_path / "slides.pptx").write_bytes((DATA / "ferries.docx").read_bytes())
    assert load(tmp_path)[1] == {"slides.pptx": ".pptx files need another package: pip install 'markitdown[pptx]'"}


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "Intro.\n\n# The Name\n\nText.", "The Name"),
        ("b_c.md", "Intro.\n\n## Only a Section\n\nText.", "b c"),
        ("c.md", "## Starts with it\n\nText.", "Starts with it"),
        ("boat-1.py", "# a comment\n", "boat-1.py"),
        ("the--old_harbour.txt", "Text.", "the old harbour"),
        ("README", "Text.", "README"),
    ],
)
def test_titles_of_text_files(tmp_path: Path, name: str, text: str, title: str) -> None:
    (tmp_path / name).write_text(text)
    assert load(tmp_path)[0][name].title == title


def test_odd_jsonl_files(tmp_path: Path) -> None:
    odd = '{"text": "zwei", "n": NaN, "big": 1e400, "huge": 99999999999999999999, "": 1}'
    (tmp_path / "bom.ndjson").write_bytes(f'\ufeff{{"text": "Straße"}}\r\n\r\n{odd}'.encode())
    (tmp_path / "empty.jsonl").write_bytes(b"\n\n")
    (tmp_path / "long.jsonl").write_text('{"text": "%s"}\n{"text": "short"}\n' % ("x" * 500))
    (tmp_path / "u16.jsonl").write_bytes('{"text": "one"}\n{"text": "two"}'.encode("utf-16"))
    (tmp_path / "wrong.jsonl").write_bytes(b'{"text": "caf\xe9"}\n' + b"[" * 50_000 + b'\n{"text": 1' + b"0" * 5_000 + b"}")
    items = list(load_paths([tmp_path], max_bytes=200))
    assert [item.text for item in items if isinstance(item, Document)] == ["Straße", "zwei", "short"]
    assert [dict(item.metadata) for item in items if isinstance(item, Document)] == [{}, {}, {}]
    refused = {Path(item.path).name: item.reason for item in items if isinstance(item, Refusal)}
    assert list(refused) == ["empty.jsonl", "long.jsonl:1", "u16.jsonl", "wrong.jsonl:1", "wrong.jsonl:2", "wrong.jsonl:3"]
    assert refused["empty.jsonl"] == "empty"
    assert "200 bytes" in refused["long.jsonl:1"]
    assert refused["wrong.jsonl:1"] == "not UTF-8 text: byte 0xe9 at offset 13 of the line"
    assert len(items) == count_paths([tmp_path])
    deep = {Path(item.path).name: item.reason for item in load_paths([tmp_path / "wrong.jsonl"]) if isinstance(item, Refusal)}
    assert all(deep[f"wrong.jsonl:{n}"].startswith("not JSON that can be read") for n in (2, 3))
    (tmp_path / "tab.jsonl").write_text('{"text": "\t"}')
    (tab,) = load_paths([tmp_path / "tab.jsonl"])
    assert isinstance(tab, Refusal)
    assert tab.reason == "not JSON: Invalid control character at character 11"
