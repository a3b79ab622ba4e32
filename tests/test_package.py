"""The package ships every folder of code, and importing it costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import passel

HERE = Path(__file__).parent.parent
FLOORS = ("agent", "evals", "graphs", "rerankers", "tools")


def test_every_folder_with_code_is_installed() -> None:
    """A sub-package missing from `packages` is missing from the wheel without a word."""
    installed = Path(passel.__file__).parent
    for init in (init for floor in FLOORS for init in (HERE / floor).rglob("__init__.py")):
        assert (installed / init.relative_to(HERE)).is_file(), f"{init.parent} is not in the installed package"
    for folder in {code.parent for floor in FLOORS for code in (HERE / floor).rglob("*.py")}:
        assert (folder / "__init__.py").is_file(), f"{folder} holds code but no __init__.py: setup.py would leave it out"
    assert (installed / "py.typed").is_file()
    card = ("rerankers/weights/*.*", "rerankers/weights/curves/*")
    for data in ("evals/splits/*.json", "evals/results/*.jsonl.xz", "evals/report/page.*", "agent/server/assets/*", *card):
        assert {file.name for file in installed.glob(data)} == {file.name for file in HERE.glob(data)} != set()
    assert len(list((installed / "agent" / "demo" / "articles").glob("*.md"))) == len(list((HERE / "agent" / "demo" / "articles").glob("*.md"))) > 0


def test_import_is_light() -> None:
    heavy = "{'torch', 'transformers', 'chromadb', 'langchain', 'langgraph', 'markitdown'}"
    code = f"import sys, passel, passel.agent.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
