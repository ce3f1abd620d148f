"""The encoders and vocoders that models share: where they may lie under a folder of weights."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from comps.gptsovits.checkpoints.parts import WEIGHT_FILES
from comps.gptsovits.versions import Version


class Asset(StrEnum):
    CONTENT = "content encoder"
    TEXT = "text encoder"
    SPEAKER = "speaker encoder"
    VOCODER_V3 = "vocoder of v3"
    VOCODER_V4 = "vocoder of v4"
    BASE_V3 = "official decoder of v3"
    BASE_V4 = "official decoder of v4"


VOCODERS = {Version.V3: Asset.VOCODER_V3, Version.V4: Asset.VOCODER_V4}
BASES = {Version.V3: Asset.BASE_V3, Version.V4: Asset.BASE_V4}

# The official path first: it is the one to name when nothing is found. Then plainer ones.
PATHS: dict[Asset, tuple[str, ...]] = {
    Asset.CONTENT: ("chinese-hubert-base", "content", "hubert"),
    Asset.TEXT: ("chinese-roberta-wwm-ext-large", "text", "bert"),
    Asset.SPEAKER: (
        "sv/pretrained_eres2netv2w24s4ep4.ckpt",
        "pretrained_eres2netv2w24s4ep4.ckpt",
        "speaker.ckpt",
        "speaker.safetensors",
    ),
    Asset.VOCODER_V3: (
        "models--nvidia--bigvgan_v2_24khz_100band_256x/bigvgan_generator.pt",
        "bigvgan_v2_24khz_100band_256x/bigvgan_generator.pt",
        "bigvgan_generator.pt",
        "vocoder_v3.pt",
    ),
    Asset.VOCODER_V4: ("gsv-v4-pretrained/vocoder.pth", "vocoder.pth", "vocoder_v4.pth"),
    Asset.BASE_V3: ("s2Gv3.pth",),
    Asset.BASE_V4: ("gsv-v4-pretrained/s2Gv4.pth", "s2Gv4.pth"),
}
# The folder itself, and what of the reference project's tree may have been put into it.
_ROOTS = (".", "pretrained_models", "GPT_SoVITS/pretrained_models")


@dataclass(frozen=True)
class Assets:
    """Everything that is found under `root`."""

    root: Path

    def find(self, asset: Asset) -> Path | None:
        return next(self._found(asset), None)

    def _found(self, asset: Asset) -> Iterator[Path]:
        for root in _ROOTS:
            for name in PATHS[asset]:
                path = self.root / root / name
                if path.is_file() or any((path / file).is_file() for file in WEIGHT_FILES):
                    yield path

    @staticmethod
    def official(asset: Asset) -> str:
        """The path, under the root, where the official file belongs."""
        name = PATHS[asset][0]
        return f"{name}/{WEIGHT_FILES[1]}" if asset in (Asset.CONTENT, Asset.TEXT) else name
