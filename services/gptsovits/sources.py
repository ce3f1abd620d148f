"""Which files the model is to be loaded from, and which of them are not there."""

from dataclasses import dataclass
from pathlib import Path

from comps.cores.errors import AmbiguousCheckpoint
from services.gptsovits.settings import GptSovitsSettings

MODEL_FILE = "model.safetensors"


@dataclass(frozen=True)
class OfficialPair:
    t2s: Path
    decoder: Path


@dataclass(frozen=True)
class ModelSource:
    """`path`: a file or folder of our own form, or a folder with an official pair; or the pair by name."""

    path: Path
    pair: OfficialPair | None = None
    assets: Path | None = None

    def missing(self) -> Path | None:
        """The file without which there is no model; None if something is there to load."""
        if self.pair is not None:
            return next((file for file in (self.pair.t2s, self.pair.decoder) if not file.is_file()), None)
        if self.path.is_file() or (self.path / MODEL_FILE).is_file():
            return None
        if self.path.is_dir() and any(self.path.glob("*.ckpt")) and any(self.path.glob("*.pth")):
            return None
        return self.path if self.path.suffix else self.path / MODEL_FILE

    def found_pair(self) -> OfficialPair | None:
        """The pair to load, or None for a model of our own form. Raises `AmbiguousCheckpoint`."""
        if self.pair is not None or self.path.is_file() or (self.path / MODEL_FILE).is_file():
            return self.pair
        return OfficialPair(_only(self.path, "*.ckpt"), _only(self.path, "*.pth"))

    @property
    def assets_folder(self) -> Path:
        return self.assets or (self.path if self.path.is_dir() else self.path.parent)


def source_of(settings: GptSovitsSettings) -> ModelSource:
    pair = None
    if settings.t2s_path is not None and settings.decoder_path is not None:
        pair = OfficialPair(settings.t2s_path, settings.decoder_path)
    return ModelSource(settings.model_path, pair, settings.assets_path)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        names = ", ".join(path.name for path in found)
        raise AmbiguousCheckpoint(
            f"{folder} holds several {pattern} ({names}): "
            "set GPTSOVITS_T2S_PATH and GPTSOVITS_DECODER_PATH to say which are meant"
        )
    return found[0]
