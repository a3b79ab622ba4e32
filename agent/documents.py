"""Documents that a program brings along: texts, mappings, LangChain's documents and our own, each checked before it is indexed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..tools.document import Document, text_fault
from ..tools.errors import UsageError

if TYPE_CHECKING:
    from langchain_core.documents import Document as LangChainDocument

_FORMS = 'Give a text, a mapping with "text" and perhaps "id", "title" and what to filter by, a LangChain Document, or a passel Document.'


def checked_documents(given: Iterable[Document | LangChainDocument | str | Mapping[str, Any]]) -> Iterator[Document]:
    """One for each, checked as it comes. Without an id it is named by its place, a LangChain document by its `source`, to which the place is added
    where several have one: the pages of a file. Raises UsageError for what is none, for one without text, and for a second one of the same id.
    """
    if isinstance(given, (str, Mapping)):
        raise UsageError("documents were expected, and one alone was given", f"Put it into a list. {_FORMS}")
    taken: dict[str, int] = {}
    for n, each in enumerate(given, 1):
        made = _document(each, n)
        if made.source in taken and _has_no_id(each):
            made = replace(made, source=f"{made.source}#{n}", sha256="")
        if first := taken.get(made.source):
            raise UsageError(f"documents {first} and {n} have the same id, {made.source!r}", "An answer cites by it: give each its own.")
        taken[made.source] = n
        yield made


def _document(given: object, n: int) -> Document:
    from langchain_core.documents import Document as LangChainDocument

    if isinstance(given, Document):
        if fault := text_fault(given.text):
            raise UsageError(f"document {n} has {fault}", _FORMS)
        return given
    source: object = f"document-{n}"
    if isinstance(given, LangChainDocument):
        source = given.metadata.get("source", source)
        given = {"text": given.page_content, "metadata": given.metadata, **({"id": given.id} if given.id else {})}
    if isinstance(given, str):
        given = {"text": given}
    if not isinstance(given, Mapping):
        raise UsageError(f"document {n} is of type {type(given).__name__}", _FORMS)
    if not isinstance(text := given.get("text"), str):
        raise UsageError(f'document {n} has no text under "text"', _FORMS)
    nested = given.get("metadata")
    fields = {**(nested if isinstance(nested, Mapping) else {}), **given}
    id, title = fields.get("id"), fields.get("title")
    metadata = {key: value for key, value in fields.items() if key not in ("text", "title", "id", "metadata")}
    return Document.from_text(text, source=str(source if id is None else id), title="" if title is None else str(title), metadata=metadata)


def _has_no_id(given: object) -> bool:
    from langchain_core.documents import Document as LangChainDocument

    return isinstance(given, LangChainDocument) and not given.id and given.metadata.get("id") is None
