"""Which files the model is to be loaded from, and which of them are not there."""

from dataclasses import dataclass
from pathlib import Path

from services.gptsovits.settings import GptSovitsSettings

MODEL_FILE = "model.safetensors"
WEIGHT_SUFFIXES = frozenset({".safetensors", ".ckpt", ".pth"})


@dataclass(frozen=True)
class OfficialPair:
    t2s: Path
    decoder: Path


@dataclass(frozen=True)
class ModelSource:
    """`path`: a file or folder of our own form, or a folder of models; or an official pair by its files.

    `model` names one of a folder of models; the first that is complete, if it names none.
    """

    path: Path
    pair: OfficialPair | None = None
    assets: Path | None = None
    model: str | None = None

    @property
    def is_own_form(self) -> bool:
        return self.path.is_file() or (self.path / MODEL_FILE).is_file()

    @property
    def models_folder(self) -> Path:
        """Where the model and its neighbours lie."""
        return self.path.parent if self.is_own_form or not self.path.is_dir() else self.path

    @property
    def assets_folder(self) -> Path:
        return self.assets or self.models_folder

    def missing(self) -> Path | None:
        """The file without which there is no model; None if there may be something to load."""
        if self.pair is not None:
            return next((file for file in (self.pair.t2s, self.pair.decoder) if not file.is_file()), None)
        if self.is_own_form:
            return None
        if self.path.is_dir() and any(file.suffix in WEIGHT_SUFFIXES for file in self.path.rglob("*")):
            return None
        return self.path if self.path.suffix else self.path / MODEL_FILE


def source_of(settings: GptSovitsSettings) -> ModelSource:
    pair = None
    if settings.t2s_path is not None and settings.decoder_path is not None:
        pair = OfficialPair(settings.t2s_path, settings.decoder_path)
    return ModelSource(settings.model_path, pair, settings.assets_path, settings.model)
