"""passel_home: the one folder for what Passel keeps between runs (corpora, caches); and the file by which the folder of a corpus is known."""

from __future__ import annotations

import os
from pathlib import Path

CORPUS_FILE = "corpus.sqlite3"


def passel_home() -> Path:
    """`$PASSEL_HOME` where it is set, else the platform's user data folder for "passel". Not created here."""
    if chosen := os.environ.get("PASSEL_HOME"):
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("passel", appauthor=False)
