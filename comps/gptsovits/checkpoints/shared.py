"""Encoders and vocoders that several models use, loaded once."""

import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import nn

from comps.gptsovits.checkpoints.load import Part
from comps.gptsovits.checkpoints.parts import Vocoder, read_bert, read_content, read_speaker, read_vocoder
from comps.gptsovits.networks.encoders.bert import BertEncoder
from comps.gptsovits.networks.encoders.content import ContentEncoder
from comps.gptsovits.networks.encoders.eres2net import SpeakerEncoder

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class _Kept:
    network: "weakref.ref[nn.Module]"
    digest: str
    dtypes: Mapping[str, torch.dtype]


class SharedParts:
    """Each file's network for as long as some model holds it; read anew when the file has changed."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Path, int, int], _Kept] = {}
        self._lock = threading.Lock()

    def content(self, path: Path) -> Part[ContentEncoder]:
        return self._get(path, read_content)

    def bert(self, path: Path) -> Part[BertEncoder]:
        return self._get(path, read_bert)

    def speaker(self, path: Path) -> Part[SpeakerEncoder]:
        return self._get(path, read_speaker)

    def vocoder(self, path: Path) -> Part[Vocoder]:
        return self._get(path, read_vocoder)

    def _get(self, path: Path, read: Callable[[Path], Part[N]]) -> Part[N]:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        stats = [file.stat() for file in files]
        key = (path.resolve(), sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0))
        # Held while reading: two models that want the same file wait for one reading of it.
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and (network := kept.network()) is not None:
                return Part(cast(N, network), kept.digest, kept.dtypes)
            part = read(path)
            self._kept = {k: v for k, v in self._kept.items() if v.network() is not None}
            self._kept[key] = _Kept(weakref.ref(part.network), part.digest, part.dtypes)
            return part
