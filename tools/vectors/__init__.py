"""Vectors: the Chroma index derived from the store, and how any number of processes share it with one writer.

A Chroma client never sees what another process writes, and two writers corrupt a folder for good. So nobody ever writes to a folder that
others read: the writer makes a *version*, a copy of the newest one with the changes since then applied, and publishes it by renaming it to
`versions/<seq>`; from then on it stays as it is. A reader opens the newest version at its next question, and what was committed after that
version's seq it searches exactly, in memory (`Recent`). With a Chroma server the server's collection takes the place of the versions.
"""

from .chroma import Found, IndexFailed, View
from .index import Index
from .recent import Recent, nearest_rows
from .server import Server
from .versions import Versions

__all__ = ["Found", "Index", "IndexFailed", "Recent", "Server", "Versions", "View", "nearest_rows"]
