"""The package is the repository root: every top-level folder that holds an `__init__.py` (and those below it) ships."""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
FLOORS = ("agent", "graphs", "rerankers", "tools")
found = sorted(".".join(("passel", *init.parent.relative_to(ROOT).parts)) for floor in FLOORS for init in (ROOT / floor).rglob("__init__.py"))
setup(packages=["passel", *found])
