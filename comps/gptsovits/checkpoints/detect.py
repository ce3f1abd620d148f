"""What a file is: by its two-byte header, the digest of a known release, its config or its tensor names.

Never by its size. The decoders of v3 and v4 have the same tensors, so a file that says neither has two
candidates, and whoever wants it loaded must say which.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from comps.cores.errors import AmbiguousCheckpoint, UnknownCheckpoint
from comps.gptsovits.checkpoints.hyper import Hyper
from comps.gptsovits.checkpoints.reader import Checkpoint
from comps.gptsovits.versions import Version

OWN_FORMAT = "sovits-serve/1"


class Kind(StrEnum):
    MODEL = "model"  # our own form: all parts in one file
    T2S = "t2s"
    DECODER = "decoder"
    LORA = "lora"  # a difference from the official decoder of v3 or v4
    CONTENT = "content encoder"
    TEXT = "text encoder"
    SPEAKER = "speaker encoder"
    VOCODER = "vocoder"


@dataclass(frozen=True)
class Detected:
    kind: Kind
    candidates: tuple[Version, ...]  # versions that this file can serve
    evidence: str

    def version(self, asked: Version | None = None, *, name: str = "the file") -> Version:
        """The one version, or the one asked for. Raises `AmbiguousCheckpoint` or `UnknownCheckpoint`."""
        if asked is not None:
            if asked not in self.candidates:
                found = " or ".join(self.candidates)
                raise UnknownCheckpoint(
                    f"{name} is a {self.kind} of {found}, not of {asked} ({self.evidence})"
                )
            return asked
        if len(self.candidates) != 1:
            raise AmbiguousCheckpoint(
                f"{name} may be {' or '.join(self.candidates)}: their tensors are the same, and neither "
                "header nor config tells. Say which version it is"
            )
        return self.candidates[0]


HEADERS = {
    b"00": Version.V1,
    b"01": Version.V2,
    b"02": Version.V3,
    b"03": Version.V3,
    b"04": Version.V4,
    b"05": Version.V2PRO,
    b"06": Version.V2PROPLUS,
}
LORA_HEADERS = (b"03", b"04")

# MD5 of the first 8,192 bytes of the official decoders.
RELEASES = {
    "dc3c97e17592963677a4a1681f30c653": ("s2G488k.pth", Version.V1),
    "6642b37f3dbb1f76882b69937c95a5f3": ("s2G2333k.pth", Version.V2),
    "43797be674a37c1c83ee81081941ed0f": ("s2Gv3.pth", Version.V3),
    "4f26b9476d0c5033e04162c486074374": ("s2Gv4.pth", Version.V4),
    "c7e9fce2223f3db685cdfa1e6368728a": ("s2Gv2Pro.pth", Version.V2PRO),
    "66b313e39455b57ab1b0bc0b239c9d0a": ("s2Gv2ProPlus.pth", Version.V2PROPLUS),
}

# The T2S network of v1 has room for 512 symbols, of which its inventory uses 322.
_V1_SYMBOLS = {Kind.T2S: 512, Kind.DECODER: 322}
_SINCE_V2 = (Version.V2, Version.V2PRO, Version.V2PROPLUS, Version.V3, Version.V4)
_PLUS_FIRST_KERNEL = 20


def detect(checkpoint: Checkpoint) -> Detected:
    """Raises `UnknownCheckpoint` where the tensors are of no part of these models."""
    kind = kind_of(checkpoint)
    if kind is Kind.MODEL:
        return _of_own(checkpoint)
    if kind is Kind.T2S:
        return _of_t2s(checkpoint)
    if kind in (Kind.DECODER, Kind.LORA):
        return _of_decoder(checkpoint, kind)
    if kind is Kind.VOCODER:
        periodic = "activation_post.act.alpha" in checkpoint.tensors
        name = "BigVGAN" if periodic else "HiFi-GAN"
        return Detected(kind, (Version.V3 if periodic else Version.V4,), f"the tensors of a {name}")
    if kind is Kind.SPEAKER:
        return Detected(kind, (Version.V2PRO, Version.V2PROPLUS), "the tensors of an ERes2NetV2")
    return Detected(
        kind, tuple(Version), "the tensors of a " + ("HuBERT" if kind is Kind.CONTENT else "BERT")
    )


def kind_of(checkpoint: Checkpoint) -> Kind:
    names = checkpoint.tensors
    if checkpoint.metadata.get("format") == OWN_FORMAT:
        return Kind.MODEL
    if "lora_rank" in checkpoint.extras or any(".lora_A." in name for name in names):
        return Kind.LORA
    if any(name.endswith("h.layers.0.self_attn.in_proj_weight") for name in names):
        return Kind.T2S
    if "enc_p.text_embedding.weight" in names:
        return Kind.DECODER
    if any(name.endswith("feature_extractor.conv_layers.0.conv.weight") for name in names):
        return Kind.CONTENT
    if any(name.endswith("embeddings.word_embeddings.weight") for name in names):
        return Kind.TEXT
    if "layer3_ds.weight" in names:
        return Kind.SPEAKER
    if "conv_post.weight" in names or "conv_post.weight_v" in names:
        return Kind.VOCODER
    if any(name.startswith("discriminators.") for name in names):
        raise UnknownCheckpoint(f"{checkpoint.path.name} is a discriminator, which only training needs")
    shown = ", ".join(list(names)[:3])
    raise UnknownCheckpoint(f"{checkpoint.path.name} is of no kind known here; it holds {shown} …")


def _of_own(checkpoint: Checkpoint) -> Detected:
    try:
        version = Version.parse(str(checkpoint.config.get("version")))
    except ValueError as error:
        raise UnknownCheckpoint(f"{checkpoint.path.name}: {error}") from None
    return Detected(Kind.MODEL, (version,), "its own config")


def _of_t2s(checkpoint: Checkpoint) -> Detected:
    n = _rows(checkpoint, "ar_text_embedding.word_embeddings.weight")
    candidates = (Version.V1,) if n == _V1_SYMBOLS[Kind.T2S] else _SINCE_V2
    return Detected(Kind.T2S, candidates, f"{n} phoneme symbols")


def _of_decoder(checkpoint: Checkpoint, kind: Kind) -> Detected:
    family, traits = _family(checkpoint, kind)
    release = RELEASES.get(_digest_of_start(checkpoint))
    if release is not None and release[1] in family:
        return Detected(kind, (release[1],), f"the official {release[0]}")
    header = HEADERS.get(checkpoint.header or b"")
    if header in family:
        return Detected(kind, (header,), f"header {(checkpoint.header or b'').decode()} and {traits}")
    if header is not None and not {header, *family} <= {Version.V1, Version.V2}:
        raise UnknownCheckpoint(
            f"{checkpoint.path.name}: its header says {header}, its tensors {' or '.join(family)}"
        )
    said = Hyper(checkpoint.config).get("version")
    if len(family) > 1 and isinstance(said, str) and said in family:
        return Detected(kind, (Version(said),), f"its config and {traits}")
    if Version.V2PRO in family and len(family) > 1:
        # Both are run alike; what tells them apart is how wide the vocoder is.
        plus = _first_kernel(checkpoint) == _PLUS_FIRST_KERNEL
        return Detected(kind, (Version.V2PROPLUS if plus else Version.V2PRO,), f"{traits}, its vocoder")
    return Detected(kind, family, traits)


def _family(checkpoint: Checkpoint, kind: Kind) -> tuple[tuple[Version, ...], str]:
    if kind is Kind.LORA or any(name.startswith("cfm.") for name in checkpoint.tensors):
        return (Version.V3, Version.V4), "flow matching"
    if "sv_emb.weight" in checkpoint.tensors:
        return (Version.V2PRO, Version.V2PROPLUS), "a speaker vector"
    n = _rows(checkpoint, "enc_p.text_embedding.weight")
    return ((Version.V1,) if n == _V1_SYMBOLS[Kind.DECODER] else (Version.V2,)), f"{n} phoneme symbols"


def _rows(checkpoint: Checkpoint, suffix: str) -> int:
    for name, info in checkpoint.tensors.items():
        if name.endswith(suffix) and info.shape:
            return info.shape[0]
    raise UnknownCheckpoint(f"{checkpoint.path.name} has no {suffix!r}")


def _first_kernel(checkpoint: Checkpoint) -> int | None:
    for name in ("dec.ups.0.weight_v", "dec.ups.0.weight"):
        if name in checkpoint.tensors and len(checkpoint.tensors[name].shape) == 3:
            return checkpoint.tensors[name].shape[2]
    return None


def _digest_of_start(checkpoint: Checkpoint) -> str:
    with checkpoint.path.open("rb") as file:
        return hashlib.md5(file.read(8192), usedforsecurity=False).hexdigest()
