"""What several commands ask for: a model, a voice, a file to write. Not a command itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from comps.cores.errors import FileMissing, InvalidOption, ModelNotReady

if TYPE_CHECKING:
    from comps.cores.audio.waveform import Waveform
    from comps.gptsovits.engine import EngineConfig
    from comps.gptsovits.model import Model

ROOT = Path(__file__).resolve().parents[3]
MODELS = Path("models")
DEFAULT_MODEL = MODELS / "starter"
DEFAULT_CLIPS = Path("audio")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        type=Path,
        help="a model's folder or .safetensors file, or a name that `gptsovits models` lists "
        f"(default: {DEFAULT_MODEL})",
    )
    model.add_argument("--t2s", type=Path, help="an official .ckpt; with --decoder instead of --model")
    model.add_argument("--decoder", type=Path, help="an official .pth")
    model.add_argument("--assets", type=Path, help="the folder of the encoders that official pairs share")
    model.add_argument("--version", help="v1 v2 v2Pro v2ProPlus v3 v4, where the files do not tell")
    model.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    model.add_argument("--dtype", default="auto", help="auto, float32, float16 or bfloat16 (default: auto)")
    model.add_argument(
        "--precision",
        choices=("auto", "exact", "bf16", "int8"),
        default="auto",
        help="of a CPU: what it gains from, or float32 throughout (default: auto)",
    )
    model.add_argument("--threads", type=int, help="CPU threads (default: one a core)")


def load(args: argparse.Namespace) -> Model:
    """The model that the options name."""
    import torch

    from comps.gptsovits.checkpoints.build import load_model, load_pair
    from comps.gptsovits.checkpoints.loaded import Models
    from comps.gptsovits.devices import machine_device
    from comps.gptsovits.versions import Version

    if args.threads is not None:
        if args.threads < 1:
            raise InvalidOption("--threads is at least 1")
        torch.set_num_threads(args.threads)
    try:
        device = machine_device(args.device, args.dtype)
        version = Version.parse(args.version) if args.version else None
    except ValueError as error:
        raise InvalidOption(str(error)) from error
    if (args.t2s is None) != (args.decoder is None):
        raise InvalidOption("--t2s and --decoder go together")
    if args.t2s is not None:
        return load_pair(
            args.t2s,
            args.decoder,
            assets=args.assets or args.decoder.parent,
            version=version,
            device=device.name,
            dtype=device.dtype,
        )
    path = args.model or _found(DEFAULT_MODEL)
    if not path.exists() and len(path.parts) == 1:
        models = Models(args.assets or _found(MODELS), device=device.name, dtype=device.dtype)
        return models.get(path.name)
    if not path.exists():
        raise ModelNotReady(f"there is no model at {path}", missing=str(path))
    return load_model(path, assets=args.assets, device=device.name, dtype=device.dtype)


def engine_config(args: argparse.Namespace) -> EngineConfig:
    """What the options say about the engine."""
    from comps.gptsovits.devices import Precision
    from comps.gptsovits.engine import EngineConfig

    return EngineConfig(precision=Precision(args.precision))


def read_clip(path: Path) -> Waveform:
    """A recording, decoded. Raises `FileMissing`, `InvalidAudio` and its kin."""
    from comps.cores.audio.decoding import decode

    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileMissing(f"{path} cannot be read: {error.strerror}") from error
    return decode(data)


def demo_clip() -> tuple[Path, str | None]:
    """The first demo clip, and its transcript if one lies beside it."""
    clips = sorted(_found(DEFAULT_CLIPS).glob("*.wav"))
    if not clips:
        raise FileMissing(f"no clip in {DEFAULT_CLIPS}/: say whose voice to use with --reference")
    return clips[0], transcript_beside(clips[0])


def transcript_beside(clip: Path) -> str | None:
    """What the `.txt` beside a recording says, if there is one."""
    beside = clip.with_suffix(".txt")
    return beside.read_text(encoding="utf-8").strip() or None if beside.is_file() else None


def _found(relative: Path) -> Path:
    """A path of the project: in the working directory, else beside the code."""
    return relative if relative.exists() else ROOT / relative
