"""Documents that a program brings along: texts, mappings, LangChain's documents and our own, each checked before anything is indexed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..tools.document import Document
from ..tools.errors import UsageError

if TYPE_CHECKING:
    from langchain_core.documents import Document as LangChainDocument

_FORMS = 'Give a text, a mapping with "text" and perhaps "id", "title" and what to filter by, a LangChain Document, or a passel Document.'


def checked_documents(given: Iterable[Document | LangChainDocument | str | Mapping[str, Any]]) -> Iterator[Document]:
    """One for each. Without an id it is named by its place. Raises UsageError for what is none, and for a second one of the same id."""
    if isinstance(given, (str, Mapping)):
        raise UsageError("documents were expected, and one alone was given", f"Put it into a list. {_FORMS}")
    taken: dict[str, int] = {}
    for n, each in enumerate(given, 1):
        made = _document(each, n)
        if first := taken.get(made.source):
            raise UsageError(f"documents {first} and {n} have the same id, {made.source!r}", "An answer cites by it: give each its own.")
        taken[made.source] = n
        yield made


def _document(given: object, n: int) -> Document:
    from langchain_core.documents import Document as LangChainDocument

    if isinstance(given, Document):
        return given
    if isinstance(given, LangChainDocument):
        given = {"id": given.id or given.metadata.get("source"), "text": given.page_content, "metadata": given.metadata}
    if isinstance(given, str):
        given = {"text": given}
    if not isinstance(given, Mapping):
        raise UsageError(f"document {n} is of type {type(given).__name__}", _FORMS)
    if not isinstance(text := given.get("text"), str):
        raise UsageError(f"document {n} has no text under \"text\"", _FORMS)
    nested = given.get("metadata")
    fields = {**(nested if isinstance(nested, Mapping) else {}), **given}
    id, title = fields.get("id"), fields.get("title")
    metadata = {key: value for key, value in fields.items() if key not in ("text", "title", "id", "metadata")}
    named = f"document-{n}" if id is None else str(id)
    return Document.from_text(text, source=named, title="" if title is None else str(title), metadata=metadata)
