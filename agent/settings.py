"""Settings: what can be set, from the environment (`PASSEL_*`), a `.env` file or `passel.toml`, in this order of precedence."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from ..tools.budget import Budget
from ..tools.errors import UsageError
from ..tools.home import CORPUS_FILE, passel_home
from .server.limits import Limits

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from ..rerankers.calibration import Calibration
    from ..rerankers.selector.selector import LearnedSelector
    from ..tools.encoder import Encoder


class Settings(BaseSettings):
    """Every field may be set as `PASSEL_<NAME>`; a limit of the budget as `PASSEL_BUDGET__<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="PASSEL_", env_nested_delimiter="__", env_file=".env", env_ignore_empty=True, extra="ignore", toml_file="passel.toml", frozen=True
    )

    corpus: str = Field(default="default", description="name under the corpora folder, or a path")
    model: str | None = Field(default=None, description="chat model as provider:name, or local:PATH.gguf; none: the embedded planner and generator")
    base_url: str | None = Field(default=None, description="address of an OpenAI-compatible server, for openai: models")
    encoder: str | None = Field(default=None, description="a Hugging Face encoder's name or folder; none: the embedded MiniLM")
    device: str | None = Field(default=None, description="cpu, cuda …; none: CUDA when there is one")
    chroma_server: str | None = Field(default=None, description="http://host:port of a Chroma server; none: embedded Chroma")
    budget: Budget = Field(default=Budget())
    api_key: SecretStr | None = Field(default=None, description="what servers ask of their callers; several keys are separated by commas")
    limits: Limits = Field(default=Limits(), description="of a server")
    passages: int = Field(default=12, ge=1, le=100, description="most passages the generator sees; the selector takes no more than 12")
    risk: float | None = Field(default=None, gt=0, lt=1, description="wrong answers at most, as a share of the answers; less sure ones are not given")
    abstentions: float | None = Field(default=None, gt=0, lt=1, description="questions to abstain on at most, as a share")
    weights: Path | None = Field(default=None, description="folder that passel train wrote; none: the bundled weights")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)

    @classmethod
    def load(cls, **given: Any) -> Settings:
        """Settings with `given` (those not None) on top. Raises UsageError, one line for each bad value."""
        try:
            _refuse_unknown(cls)
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            faults = "; ".join(map(_explained, error.errors()))
            elsewhere = any(str(one["loc"][0]) not in given for one in error.errors())
            hint = "Set them as PASSEL_NAME=…, in .env, or in passel.toml." if elsewhere else "--help says what it may be."
            raise UsageError(f"bad settings: {faults}", hint) from None
        except ValueError as error:  # a TOML file that does not parse
            raise UsageError(f"bad settings: {error}", "Look at passel.toml and .env in this folder.") from None

    def selector(self, encoder: Encoder) -> LearnedSelector:
        """The learned one, with the pair model that it shares with the reader. Raises PasselError where `weights` holds none."""
        from ..rerankers.default import default_selector

        return default_selector(encoder, weights=self.weights_in_use, device=self.device, most=self.passages)

    def calibration(self) -> Calibration:
        """Raises UsageError where a share is wished and it is of other weights than those in use."""
        from ..rerankers.default import calibration, digest

        found = calibration(self.weights_in_use)
        wished = self.risk is not None or self.abstentions is not None
        if wished and found.weights not in (None, digest(self.weights_in_use, calibrated=False)):
            raise UsageError(
                f"risk and abstentions: the calibration was made with other weights than {self.weights_in_use}, and promises nothing of these",
                f"Make one: passel train calibrator QUESTIONS.jsonl --corpus C --out {self.weights_in_use}",
            )
        return found

    def least_confidence(self) -> float:
        """That `risk` or `abstentions` ask for. Raises UsageError where that cannot be promised."""
        return self.calibration().least_confidence(self.risk, self.abstentions, self.model)

    def digest(self) -> str:
        """Of the weights in use."""
        from ..rerankers.default import digest

        return digest(self.weights_in_use)

    @property
    def weights_in_use(self) -> Path:
        from ..rerankers.default import WEIGHTS

        return self.weights or WEIGHTS

    def corpus_path(self, name: str | None = None) -> Path:
        """Where a corpus lies: a path where `name` has a separator or is the folder of a corpus, else a name under `$PASSEL_HOME/corpora`."""
        return corpus_path(name or self.corpus)


def _explained(bad: ErrorDetails) -> str:
    where, message = ".".join(str(part) for part in bad["loc"]), bad["msg"].removeprefix("Value error, ")
    return message if message.startswith(f"{where}:") else f"{where}: {message} (got {bad['input']!r})"


def _refuse_unknown(settings: type[Settings]) -> None:
    """A misspelt name, in passel.toml, in .env or as PASSEL_…, would otherwise go unnoticed. Raises ValueError."""
    file = Path(str(settings.model_config.get("toml_file")))
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    in_file = [name for name, value in dotenv_values(str(settings.model_config.get("env_file"))).items() if os.environ.get(name) != value]
    if misplaced := sorted(_named(in_file) & _NO_SETTINGS):
        raise ValueError(f".env sets {', '.join(misplaced)}, which belongs in the environment: .env is not read for it")
    for where, names in ((str(file), set(given)), (".env", _named(in_file)), ("the environment", _named(os.environ) - _NO_SETTINGS)):
        if unknown := sorted(names - set(settings.model_fields)):
            raise ValueError(f"{where} sets {', '.join(unknown)}, which is no setting; there are {', '.join(settings.model_fields)}")


def _named(variables: Iterable[str]) -> set[str]:
    return {name[len("PASSEL_") :].partition("__")[0].lower() for name in variables if name.upper().startswith("PASSEL_")}


_NO_SETTINGS = {"home", "debug", "log", "test_gguf"}
"""Read elsewhere: where everything is kept, the command line's --debug and its structured logs, the tests' chat model."""


def corpora_folder() -> Path:
    return passel_home() / "corpora"


def corpus_path(name: str) -> Path:
    """See `Settings.corpus_path`. Raises UsageError for a name that is no plain file name."""
    if name.strip() and ("/" in name or "\\" in name or (Path(name) / CORPUS_FILE).is_file()):
        return Path(name).expanduser()
    if not name.strip() or name.startswith("-"):
        raise UsageError(f"{name!r} is no name for a corpus", "Use letters, digits, - and _, or a path.")
    return corpora_folder() / name
