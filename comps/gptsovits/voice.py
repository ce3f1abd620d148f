"""Voice: one speaker's tensors, as an immutable value and as safetensors bytes."""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from comps.cores.errors import CorruptProfile

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]

FORMAT = "sovits-serve/voice/1"
# One metadata entry that holds JSON: the format keeps several entries in no particular order, and equal
# voices shall be equal bytes.
METADATA_KEY = "voice"
ID_DIGITS = 32
# A minute of speech is 1,500 tokens and far fewer phonemes; what is larger was not made by this product.
MAX_ROWS = 8_192
MAX_BYTES = 32 * 2**20


@dataclass(frozen=True, eq=False)
class Voice:
    """Everything of a speaker that a request needs; nothing in it can be changed.

    Without a transcript of the clip there is no prompt: `prompt_tokens` and `prompt_phonemes` are empty and
    only the style clones. `fingerprint` names the weights that made it: other weights cannot use it.
    """

    fingerprint: str
    model_id: str
    style: Floats  # [G]
    prompt_tokens: Integers  # [S]
    prompt_phonemes: Integers  # [P]
    prompt_bert: Floats | None = None  # [P, E]; None stands for zeros
    reference_mel: Floats | None = None  # [M, T], of models that continue a mel spectrogram (v3, v4)
    prompt_text: str = ""
    prompt_language: str = ""
    seconds: float = 0.0  # of the clip, as it was used

    def __post_init__(self) -> None:
        for name, kind in _TENSORS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _frozen(value, kind))

    @property
    def has_prompt(self) -> bool:
        return len(self.prompt_tokens) > 0

    @cached_property
    def without_prompt(self) -> "Voice":
        """The same speaker by style alone."""
        nothing = np.zeros(0, np.int32)
        return replace(self, prompt_tokens=nothing, prompt_phonemes=nothing, prompt_bert=None)

    def to_bytes(self) -> bytes:
        """The voice as safetensors: equal voices give equal bytes."""
        return self._bytes

    @cached_property
    def _bytes(self) -> bytes:
        tensors = {name: getattr(self, name) for name in _TENSORS if getattr(self, name) is not None}
        facts = {name: getattr(self, name) for name in _FACTS} | {"format": FORMAT}
        text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return bytes(save(tensors, metadata={METADATA_KEY: text}))

    @cached_property
    def id(self) -> str:
        """What the voice is called: the first digits of the SHA-256 of its bytes."""
        return hashlib.sha256(self._bytes).hexdigest()[:ID_DIGITS]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Voice) and self._bytes == other._bytes

    def __hash__(self) -> int:
        return hash(self.id)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Voice":
        """The voice that `to_bytes` wrote. Raises `CorruptProfile` for anything else."""
        if len(data) > MAX_BYTES:
            raise CorruptProfile(f"a profile has at most {MAX_BYTES} bytes; this one has {len(data)}")
        try:
            tensors = load(data)
        except (SafetensorError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise CorruptProfile("the profile is not a readable safetensors file") from error
        facts = _facts(data)
        unknown = tensors.keys() - _TENSORS.keys()
        missing = {"style", "prompt_tokens", "prompt_phonemes"} - tensors.keys()
        if unknown or missing:
            raise CorruptProfile(f"the profile lacks {sorted(missing)} and has unknown {sorted(unknown)}")
        for name, tensor in tensors.items():
            _check(name, tensor)
        bert = tensors.get("prompt_bert")
        if bert is not None and len(bert) != len(tensors["prompt_phonemes"]):
            raise CorruptProfile("the profile's BERT features and phonemes differ in length")
        values: dict[str, Any] = {**tensors, **facts}
        return cls(**values)


_TENSORS: dict[str, tuple[type[np.generic], int]] = {
    "style": (np.float32, 1),
    "prompt_tokens": (np.int32, 1),
    "prompt_phonemes": (np.int32, 1),
    "prompt_bert": (np.float32, 2),
    "reference_mel": (np.float32, 2),
}
_FACTS: dict[str, type] = {
    "fingerprint": str,
    "model_id": str,
    "prompt_text": str,
    "prompt_language": str,
    "seconds": float,
}


def _frozen(value: npt.ArrayLike, kind: tuple[type[np.generic], int]) -> npt.NDArray[Any]:
    array = np.array(value, dtype=kind[0])  # a copy: nobody else may hold a writable view of it
    if array.ndim != kind[1]:
        raise ValueError(f"expected {kind[1]} dimensions, got shape {array.shape}")
    array.flags.writeable = False
    return array


def _facts(data: bytes) -> dict[str, Any]:
    """The metadata of a file whose layout safetensors has checked."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        facts = json.loads(header["__metadata__"][METADATA_KEY])
        if facts.pop("format") != FORMAT:
            raise CorruptProfile(f"the profile is not of the format {FORMAT}")
        if facts.keys() != _FACTS.keys():
            raise CorruptProfile("the profile's metadata is not complete")
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise CorruptProfile("the profile has no readable metadata") from error
    for name, kind in _FACTS.items():
        if not isinstance(facts[name], kind):
            raise CorruptProfile(f"the profile's {name} is not a {kind.__name__}")
    return dict(facts)


def _check(name: str, tensor: npt.NDArray[Any]) -> None:
    dtype, n_dims = _TENSORS[name]
    if tensor.dtype != dtype or tensor.ndim != n_dims or max(tensor.shape, default=0) > MAX_ROWS:
        raise CorruptProfile(f"the profile's {name} is {tensor.dtype} {list(tensor.shape)}")
    if tensor.dtype == np.float32 and not np.isfinite(tensor).all():
        raise CorruptProfile(f"the profile's {name} holds numbers that are none")
    if tensor.dtype == np.int32 and tensor.size and tensor.min() < 0:
        raise CorruptProfile(f"the profile's {name} holds negative indices")
