"""PasselError: a failure a person can act on. One clear line: what, where, what to do."""

from __future__ import annotations


class PasselError(Exception):
    """Bad input or a broken surrounding; its text is shown as it is, without a traceback.

    `hint` says what to do about it and is printed on a line of its own.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


FAULT = "a fault inside"


def told(error: Exception, trace_id: str = "") -> str:
    """One line for whoever asked: a PasselError's text, which is written for people. Of any other exception its kind alone: its text may name files
    or quote documents, and is for the log."""
    if isinstance(error, PasselError):
        text = str(error)
        end = "." if error.hint and text[-1:] not in ".!?:" else ""
        return " ".join(f"{text}{end} {error.hint}".split())
    return f"{FAULT}: {type(error).__name__} (see the log{f'; trace id {trace_id}' if trace_id else ''})"


class UsageError(PasselError):
    """The caller asked for something that cannot be: a wrong name, path or setting. Exit code 2."""


class CorpusBusy(PasselError):
    """Another process is writing to the corpus. Reading is possible meanwhile."""


class CorpusMismatch(PasselError):
    """The corpus was built with another encoder, splitter or format than the one asked for."""
