"""Store: the SQLite file that is the corpus. Documents, passages, their vectors, the lexical index and the names live and die in one transaction.

A row of `passages` is live and acknowledged; nothing else is. Each write transaction raises one sequence number, `seq`, and stamps what it
wrote with it, so that anything derived from this file (a Chroma index, a reader's memory) can ask for just what came after.
In WAL mode readers see the last committed transaction and are never blocked by the writer.
"""

from .file import FORMAT, Store
from .reading import Reading, Rows

__all__ = ["FORMAT", "Reading", "Rows", "Store"]
