"""Stage `export`: what the other stages made, as one file in our own form, half precision.

Takes the averaged weights of the T2S, the prior and the vocoder, the content encoder and the codebook, and
writes `model.safetensors` with its config and where it came from.
"""

import json
import math
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from comps.gptsovits.checkpoints.own import save_model
from comps.gptsovits.ear import CLEAR, RETRIES
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.training.character import mean_style, stand_out
from comps.gptsovits.training.hearing import heard_in
from comps.gptsovits.training.joint import joined_halves
from comps.gptsovits.training.prefer import preference_file
from comps.gptsovits.training.progress import load_checkpoint, stage_parser
from comps.gptsovits.training.sizes import CALM, CHARACTER, HOP_LENGTH, LATENT_CHANNELS, N_FFT, SAMPLE_RATE
from comps.gptsovits.training.split import Item, train_items
from comps.gptsovits.training.t2s import saved_config

LICENCE = "Apache-2.0"
DATA = "synthetic English speech made with Kokoro-82M (Apache-2.0) from sentences of WordNet 3.0"


def main(arguments: list[str] | None = None) -> None:
    parser = stage_parser("export", "Write the bundled model.")
    parser.add_argument("-o", "--output", type=Path, default=Path("models/starter/model.safetensors"))
    parser.add_argument(
        "--calm", type=float, default=CALM, help="the prior's deviations are multiplied by it"
    )
    parser.add_argument(
        "--character", type=float, default=CHARACTER, help="how much more voices stand out from their mean"
    )
    options = parser.parse_args(arguments)
    export(
        options.work, options.output, corpus=options.corpus, calm=options.calm, character=options.character
    )
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.1f} MB")


def export(
    work: Path, output: Path, *, corpus: Path, calm: float = CALM, character: float = CHARACTER
) -> None:
    """Write the model of a training folder and its corpus.

    Raises FileNotFoundError naming a stage that has not run.
    """
    decoder, decoder_steps = _decoder(work)
    bias = decoder.prior.out.bias
    assert bias is not None
    with torch.no_grad():
        bias[LATENT_CHANNELS:] += math.log(calm)  # mean first, then log-deviation
    items = train_items(corpus)
    stand_out(decoder, mean_style(decoder, items), character)
    t2s_config = saved_config(work)
    content_config = json.loads((work / "content" / "config.json").read_text("utf-8"))
    config = {
        "version": "v2",
        "t2s": asdict(t2s_config),
        "decoder": asdict(decoder.config),
        "content": content_config,
        "sample_rate": SAMPLE_RATE,
        "spectrogram_rate": SAMPLE_RATE,
        "n_fft": N_FFT,
        "hop_length": HOP_LENGTH,
        "languages": ["en"],
        "ear": {"clear": CLEAR, "retries": RETRIES},
    }
    parts = {
        "t2s": load_file(work / "t2s" / "model.safetensors"),
        "decoder": decoder.state_dict(),
        "content": load_file(work / "content" / "model.safetensors"),
        "ear": _ear(work, items, n_bins=t2s_config.end_token),
    }
    provenance = {
        "data": DATA,
        "licence": LICENCE,
        "steps": decoder_steps | _t2s_steps(work),
        "calm": calm,
        "character": character,
    }
    save_model(
        output,
        parts={name: _halved(tensors) for name, tensors in parts.items()},
        config=config,
        provenance=provenance,
    )


def _ear(work: Path, items: list[Item], *, n_bins: int) -> dict[str, Tensor]:
    sounds, classes = heard_in(work, items, n_bins=n_bins)
    return {"sounds": torch.from_numpy(sounds), "classes": torch.from_numpy(classes)}


def _decoder(work: Path) -> tuple[VitsDecoder, dict[str, int]]:
    decoder, steps = joined_halves(work)
    if (state := load_checkpoint(work / "decoder" / "joint.pt")) is not None:
        decoder.load_state_dict(state["average"])
        steps["joint"] = int(state["step"])
    return decoder, steps


def _t2s_steps(work: Path) -> dict[str, int]:
    if (taught := load_checkpoint(work / "t2s" / "training.pt")) is None:
        return {}
    steps = {"t2s": int(taught["step"])}
    if (preferred := load_checkpoint(preference_file(work / "t2s", steps["t2s"]))) is not None:
        steps["prefer"] = int(preferred["step"])
    return steps


def _halved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Floats in half precision; nothing of these networks comes near its largest number."""
    halved = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}
    worst = max(float(t.abs().max()) for t in halved.values() if t.is_floating_point())
    if worst == torch.inf:
        raise OverflowError("a weight is too large for half precision")
    return halved


if __name__ == "__main__":
    main()
