"""Any file in one screen: what it is, how large, what it needs, whether it fits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from comps.cores.errors import ModelNotReady, SovitsError
from comps.gptsovits.checkpoints.assets import BASES, VOCODERS, Asset, Assets
from comps.gptsovits.checkpoints.detect import Detected, Kind, detect
from comps.gptsovits.checkpoints.load import Part
from comps.gptsovits.checkpoints.own import OwnModel
from comps.gptsovits.checkpoints.parts import (
    Vocoder,
    config_beside,
    read_bert,
    read_content,
    read_decoder,
    read_speaker,
    read_t2s,
    read_vocoder,
)
from comps.gptsovits.checkpoints.reader import Checkpoint, open_checkpoint
from comps.gptsovits.networks.vocoders.hifigan import HifiGan, HifiGanConfig
from comps.gptsovits.versions import FACTS, Version

_LANGUAGE_NAMES = {"zh": "Chinese", "en": "English", "ja": "Japanese", "yue": "Cantonese", "ko": "Korean"}
_SHOWN_CONFIG = 6


@dataclass
class Explanation:
    """Rows of a name and what there is to say of it; `is_sound` is False where the file cannot be loaded."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    is_sound: bool = True

    def add(self, name: str, text: str) -> None:
        if text:
            self.rows.append((name, text))

    def __str__(self) -> str:
        width = max((len(name) for name, _ in self.rows), default=0) + 2
        return "\n".join(
            (name if i == 0 else "").ljust(width) + line
            for name, text in self.rows
            for i, line in enumerate(text.split("\n"))
        )


def explain(path: Path, *, assets: Path | None = None, version: Version | None = None) -> Explanation:
    """Opens the file and compares names and shapes; no numbers are read.

    Raises `FileMissing`, `UnsafeCheckpoint`, `CorruptCheckpoint` or `UnknownCheckpoint` for what is no
    checkpoint at all; a checkpoint that does not fit is explained.
    """
    result = Explanation()
    with open_checkpoint(path) as checkpoint:
        found = detect(checkpoint)
        header = f", header {checkpoint.header!r}"[:-1].replace("b'", "") if checkpoint.header else ""
        result.add("file", f"{path.name} · {_size(path.stat().st_size)} · {checkpoint.container}{header}")
        result.add("what", f"{found.kind} of {' or '.join(found.candidates)} ({found.evidence})")
        known = version if version in found.candidates else _only(found.candidates)
        if known is not None:
            result.add("version", _facts(known, checkpoint, found.kind))
        elif found.kind is Kind.DECODER or found.kind is Kind.LORA:
            result.add("version", "ambiguous: say which with --version (their tensors are the same)")
        result.add("tensors", _tensors(checkpoint))
        result.add("parts", _parts(checkpoint))
        result.add("trained", " · ".join(f"{k} {v}" for k, v in checkpoint.extras.items())[:200])
        result.add("config", _config(checkpoint))
        if found.kind is Kind.MODEL:
            result.add("came from", _provenance(OwnModel(checkpoint).provenance))
        result.add("needs", _needs(checkpoint, found, known, Assets(assets or path.parent)))
        problem = _problem(checkpoint, found, known)
        result.is_sound = problem is None
        result.add("fits", "yes, every tensor has its place" if problem is None else f"no: {problem}")
    return result


def _only(candidates: tuple[Version, ...]) -> Version | None:
    return candidates[0] if len(candidates) == 1 else None


def _size(n_bytes: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.1f} {unit}" if unit != "bytes" else f"{n_bytes} bytes"
        n_bytes = n_bytes / 1024  # type: ignore[assignment]
    return f"{n_bytes:.2f} GiB"


def _facts(version: Version, checkpoint: Checkpoint, kind: Kind) -> str:
    facts = FACTS[version]
    config = checkpoint.config if kind is Kind.MODEL else {}
    rate = config.get("sample_rate", facts.sample_rate)
    codes = config.get("languages", facts.languages)
    languages = ", ".join(_LANGUAGE_NAMES.get(code, str(code)) for code in codes)
    more = [" · needs the transcript of its reference"] if facts.requires_transcript else []
    more += [" · listens with a speaker vector"] if facts.has_speaker_vector else []
    return (
        f"{version} · {rate / 1000:g} kHz · {facts.token_rate} tokens a second · symbols {facts.symbols}"
        f"{''.join(more)}\n{languages}"
    )


def _tensors(checkpoint: Checkpoint) -> str:
    types: dict[str, int] = {}
    for info in checkpoint.tensors.values():
        types[info.dtype] = types.get(info.dtype, 0) + info.numel
    total = sum(types.values())
    shares = ", ".join(f"{dtype} {count / total:.0%}" for dtype, count in types.items() if count)
    posterior = any(name.startswith("enc_q.") for name in checkpoint.tensors)
    training = " · with the posterior encoder, which only training needs" if posterior else ""
    return f"{len(checkpoint.tensors)} tensors · {total:,} numbers · {shares}{training}"


def _parts(checkpoint: Checkpoint) -> str:
    counts: dict[str, int] = {}
    names = list(checkpoint.tensors)
    depth = 1 if len({name.partition(".")[0] for name in names}) > 1 else 2
    for name, info in checkpoint.tensors.items():
        part = ".".join(name.split(".")[:depth])
        counts[part] = counts.get(part, 0) + info.numel
    largest = sorted(counts.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{part} {count / 1e6:.2f} M" for part, count in largest[:8])
    return shown + (f" and {len(largest) - 8} more" if len(largest) > 8 else "")


def _config(checkpoint: Checkpoint) -> str:
    model = checkpoint.config.get("model", checkpoint.config)
    if not isinstance(model, Mapping) or not model:
        return "none in the file"
    if "t2s" in model:  # our own form
        model = {k: v for k, v in model.items() if not isinstance(v, Mapping | list)}
    wanted = (
        "version",
        "head",
        "n_layer",
        "n_heads",
        "upsample_rates",
        "gin_channels",
        "sample_rate",
        "n_fft",
    )
    keys = [key for key in wanted if key in model] or list(model)[:_SHOWN_CONFIG]
    return ", ".join(f"{key} {str(model[key])[:40]}" for key in keys)


def _provenance(provenance: Mapping[str, Any]) -> str:
    lines = []
    for key, value in provenance.items():
        if isinstance(value, Mapping):
            value = ", ".join(
                f"{k} {v.get('file', v)}" if isinstance(v, Mapping) else f"{k} {v}" for k, v in value.items()
            )
        lines.append(f"{key}: {value}"[:110])
    return "\n".join(lines[:8])


def _needs(checkpoint: Checkpoint, found: Detected, version: Version | None, assets: Assets) -> str:
    if found.kind not in (Kind.DECODER, Kind.LORA, Kind.T2S, Kind.MODEL):
        return ""
    wanted = [Asset.CONTENT, Asset.TEXT]
    if found.kind is Kind.MODEL:
        carried = {name.partition(".")[0] for name in checkpoint.tensors}
        speaks = checkpoint.config.get("languages") or []
        wanted = [Asset.CONTENT] if "content" not in carried else []
        wanted += [Asset.TEXT] if "zh" in speaks else []
        if version is not None and FACTS[version].has_speaker_vector and "speaker" not in carried:
            wanted.append(Asset.SPEAKER)
    elif version is not None and found.kind is not Kind.T2S:
        wanted += [Asset.SPEAKER] if FACTS[version].has_speaker_vector else []
        wanted += [VOCODERS[version]] if version in VOCODERS else []
        wanted += [BASES[version]] if found.kind is Kind.LORA else []
    partner = {
        Kind.T2S: "a decoder (.pth)",
        Kind.DECODER: "a T2S (.ckpt)",
        Kind.LORA: "a T2S (.ckpt)",
    }.get(found.kind)
    lines = [f"{partner} of the same symbols"] if partner else []
    for asset in wanted:
        path = assets.find(asset)
        state = "found" if path is not None else "MISSING: " + assets.official(asset)
        purpose = " (for Chinese)" if asset is Asset.TEXT else ""
        lines.append(f"{asset}{purpose} · {state}")
    return "\n".join(lines) or "nothing else"


def _problem(checkpoint: Checkpoint, found: Detected, version: Version | None) -> str | None:
    """What loading would object to, found on tensors without numbers."""
    if found.kind is Kind.LORA:
        return None  # only its base can tell
    hollow = {
        name: torch.empty(info.shape, dtype=getattr(torch, info.dtype), device="meta")
        for name, info in checkpoint.tensors.items()
        if hasattr(torch, info.dtype)
    }
    try:
        _load_hollow(checkpoint, found.kind, version or found.candidates[0], hollow)
    except ModelNotReady:
        return None
    except SovitsError as error:
        return str(error)
    return None


def _load_hollow(checkpoint: Checkpoint, kind: Kind, version: Version, hollow: dict[str, Tensor]) -> None:
    config: dict[str, Any] | None = checkpoint.config or None
    if kind is Kind.MODEL:
        own = OwnModel(checkpoint, tensors=hollow)
        own.t2s(), own.decoder()
        if "content" in own:
            own.content()
        if "speaker" in own:
            own.speaker()
    elif kind is Kind.T2S:
        read_t2s(hollow, config=config)
    elif kind is Kind.DECODER:
        vocoder = _any_vocoder() if FACTS[version].flow else None
        read_decoder(hollow, version=version, vocoder=vocoder, config=config)
    elif kind is Kind.VOCODER:
        read_vocoder(hollow, config=config or config_beside(checkpoint.path))
    elif kind is Kind.SPEAKER:
        read_speaker(hollow)
    else:
        beside = config_beside(checkpoint.path)
        if not beside:
            return
        (read_content if kind is Kind.CONTENT else read_bert)(hollow, config=beside)


def _any_vocoder() -> Part[Vocoder]:
    """A decoder of v3 or v4 does not contain its vocoder; any will do to look at the rest."""
    config = HifiGanConfig(100, 16, (2,), (4,), (3,), ((1, 3, 5),))
    return Part(HifiGan(config), "", {})
