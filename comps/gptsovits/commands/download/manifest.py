"""The official files: where the model hub has them, and where they belong under the folder of models.

The project that publishes them gives no list of sizes or digests, so none is made up here: both are asked of
the hub with each download. What its own loader knows of its releases, the MD5 of their first 8,192 bytes, is
kept with the detection of versions and used as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from comps.gptsovits.checkpoints.detect import RELEASES
from comps.gptsovits.versions import Version

REPOSITORY = "lj1995/GPT-SoVITS"
_G2PW_REPOSITORY = "alextomcat/G2PWModel"
_BIGVGAN_REPOSITORY = "nvidia/bigvgan_v2_24khz_100band_256x"
_BIGVGAN = "models--nvidia--bigvgan_v2_24khz_100band_256x"
HEAD_BYTES = 8192


@dataclass(frozen=True)
class RemoteFile:
    """One file. `sources` are pairs of repository and path, the first that has it is used."""

    path: str  # under the folder of models
    sources: tuple[tuple[str, str], ...]
    head_md5: str | None = None
    is_optional: bool = False  # nobody misses it if the hub does not have it

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


def _file(path: str, *more: tuple[str, str], optional: bool = False) -> RemoteFile:
    name = PurePosixPath(path).name.lower()
    known = {release.lower(): digest for digest, (release, _) in RELEASES.items()}
    return RemoteFile(path, ((REPOSITORY, path), *more), known.get(name), optional)


CONTENT = (
    _file("chinese-hubert-base/config.json"),
    _file("chinese-hubert-base/preprocessor_config.json", optional=True),
    _file("chinese-hubert-base/pytorch_model.bin"),
)
TEXT = (
    _file("chinese-roberta-wwm-ext-large/config.json"),
    _file("chinese-roberta-wwm-ext-large/tokenizer.json"),
    _file("chinese-roberta-wwm-ext-large/pytorch_model.bin"),
)
# What the reference project's installer unpacks from an archive lies here file by file. The hub tells the
# digest of the network alone; the small files come with no more than their sizes.
G2PW = tuple(
    RemoteFile(f"G2PWModel/{name}", ((_G2PW_REPOSITORY, name),))
    for name in (
        "g2pW.onnx",
        "config.py",
        "POLYPHONIC_CHARS.txt",
        "MONOPHONIC_CHARS.txt",
        "bopomofo_to_pinyin_wo_tune_dict.json",
    )
)
SPEAKER = (_file("sv/pretrained_eres2netv2w24s4ep4.ckpt"),)
_T2S_V3 = _file("s1v3.ckpt")

OFFICIAL: dict[Version, tuple[RemoteFile, ...]] = {
    Version.V1: (_file("s1bert25hz-2kh-longer-epoch=68e-step=50232.ckpt"), _file("s2G488k.pth")),
    Version.V2: (
        _file("gsv-v2final-pretrained/s1bert25hz-5kh-longer-epoch=12-step=369668.ckpt"),
        _file("gsv-v2final-pretrained/s2G2333k.pth"),
    ),
    Version.V2PRO: (_T2S_V3, _file("v2Pro/s2Gv2Pro.pth"), *SPEAKER),
    Version.V2PROPLUS: (_T2S_V3, _file("v2Pro/s2Gv2ProPlus.pth"), *SPEAKER),
    Version.V3: (
        _T2S_V3,
        _file("s2Gv3.pth"),
        _file(f"{_BIGVGAN}/config.json", (_BIGVGAN_REPOSITORY, "config.json")),
        _file(f"{_BIGVGAN}/bigvgan_generator.pt", (_BIGVGAN_REPOSITORY, "bigvgan_generator.pt")),
    ),
    Version.V4: (_T2S_V3, _file("gsv-v4-pretrained/s2Gv4.pth"), _file("gsv-v4-pretrained/vocoder.pth")),
}


def files_for(versions: Sequence[Version], *, chinese: bool = True, g2pw: bool = False) -> list[RemoteFile]:
    """Every file these versions need, each once; the text encoder only if Chinese is to be spoken.

    `g2pw` adds the model that tells how a Chinese character with several readings is read.
    """
    files = [*CONTENT, *(TEXT if chinese else ()), *(G2PW if g2pw else ())]
    for version in versions:
        files += OFFICIAL[version]
    return list(dict.fromkeys(files))
