"""Threads: the memory of conversations, one checkpoint each once a question is answered, in one SQLite file."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite
from filelock import FileLock, Timeout
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from ..tools.errors import PasselError

log = logging.getLogger("passel")
THREADS = "threads.sqlite3"
_LOOK_AGAIN = 0.03
"""Seconds."""


def thread_key(corpus: str, thread: str) -> str:
    """What a conversation is kept under. It belongs to one corpus, named by its id: another's, of the same name or folder, is another."""
    return f"{corpus}:{thread}"


async def forget_all(path: Path, corpus: str) -> None:
    """Deletes every conversation about a corpus, named by its id, from a file of conversations. Raises PasselError where that cannot be done."""
    if not path.is_file():
        return
    threads = await Threads.open(path)
    try:
        await threads.delete_all(corpus)
    except sqlite3.Error as error:
        raise PasselError(f"cannot delete the conversations in {path}: {error}", "Try it again.") from error
    finally:
        await threads.close()


class Threads:
    """A LangGraph checkpointer that belongs to the event loop it was opened in, with what Passel needs beside it."""

    def __init__(self, saver: AsyncSqliteSaver, locks: Path) -> None:
        self.saver = saver
        self._locks = locks

    @classmethod
    async def open(cls, path: Path) -> Threads:
        """Raises PasselError where the file is not what it should be, or out of reach."""
        locks = path.with_name(f"{path.name}.locks")
        try:
            locks.mkdir(parents=True, exist_ok=True)
            connection = await aiosqlite.connect(path)
            try:
                await connection.execute("PRAGMA busy_timeout = 10000")
                saver = AsyncSqliteSaver(connection)
                with FileLock(locks / "setup.lock", thread_local=False):  # SQLite does not wait where two processes turn one file to WAL at once
                    await saver.setup()
            except BaseException:
                await connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise PasselError(f"cannot open the conversations in {path}: {error}", "Move that file away to begin anew.") from error
        return cls(saver, locks)

    @contextlib.asynccontextmanager
    async def alone(self, thread: str) -> AsyncIterator[None]:
        """One run at a time on a thread, in all processes. Cancelling the wait leaves nothing behind.

        256 lock files serve all threads: two threads that share one wait for each other, which costs time and nothing else.
        """
        lock = FileLock(self._locks / f"{hashlib.sha256(thread.encode()).hexdigest()[:2]}.lock", thread_local=False)
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                await asyncio.sleep(_LOOK_AGAIN)
        try:
            yield
        finally:
            lock.release()

    @staticmethod
    def config(thread: str) -> RunnableConfig:
        return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}

    async def values(self, thread: str) -> dict[str, Any]:
        """The thread's last state; {} where there is no such thread."""
        found = await self.saver.aget_tuple(self.config(thread))
        return dict(found.checkpoint["channel_values"]) if found else {}

    async def prune(self, thread: str) -> None:
        """Keeps the newest checkpoint of a thread: what led to a finished answer is not needed to go on. Failing is logged: the answer counts."""
        try:
            async with self.saver.lock:
                newest = "(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ?)"
                for table in ("writes", "checkpoints"):
                    await self.saver.conn.execute(f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < {newest}", (thread, thread))
                await self.saver.conn.commit()
        except sqlite3.Error:
            log.exception("the conversation %s keeps more than it needs", thread)

    async def delete(self, thread: str) -> None:
        await self.saver.adelete_thread(thread)

    async def delete_all(self, corpus: str) -> None:
        """Every conversation about a corpus."""
        async with self.saver.lock:
            for table in ("writes", "checkpoints"):
                await self.saver.conn.execute(f"DELETE FROM {table} WHERE thread_id GLOB ?", (f"{thread_key(corpus, '')}*",))
            await self.saver.conn.commit()

    async def close(self) -> None:
        await self.saver.conn.close()
