"""What readers are told of a writer: at work, cut off, or done. (That it keeps others out is tested with processes, in test_corpus_processes.py.)"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from passel.tools.lock import unfinished, write_lock


def test_work_that_is_done_leaves_nothing_behind(tmp_path: Path) -> None:
    assert unfinished(tmp_path) == ""
    with write_lock(tmp_path):
        assert f"process {os.getpid()} (" in unfinished(tmp_path)
        assert "has been writing since" in unfinished(tmp_path)
    assert unfinished(tmp_path) == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk full")])
def test_work_that_fails_halfway_is_told_until_it_is_done(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), write_lock(tmp_path):
        raise error
    assert "was cut off" in unfinished(tmp_path)
    with write_lock(tmp_path):
        pass
    assert unfinished(tmp_path) == ""


def test_what_a_killed_process_left_is_told_as_cut_off(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "writer.json").write_text(json.dumps({"pid": ended.pid, "command": "passel index", "since": 0}))
    told = unfinished(tmp_path)
    assert told.startswith("passel index was cut off")
    assert "1970" in told or "1969" in told
    (tmp_path / "writer.json").write_text(json.dumps({"pid": os.getpid(), "command": "passel index", "since": 0}))
    assert "was cut off" in unfinished(tmp_path), "another container's process of the same number, which is ours here"
    (tmp_path / "writer.json").write_text("{")
    assert unfinished(tmp_path) == "", "a note that is just being written"
