"""The package is the repository root: every top-level folder that holds an `__init__.py` (and those below it) ships."""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
floors = [folder for folder in ROOT.iterdir() if (folder / "__init__.py").is_file()]  # tests, docs and build hold none
found = sorted(".".join(("passel", *init.parent.relative_to(ROOT).parts)) for floor in floors for init in floor.rglob("__init__.py"))
setup(packages=["passel", *found])
