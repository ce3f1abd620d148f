"""`gptsovits bench`: how fast a model is here."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import resource
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from comps.cores.errors import InvalidOption
from comps.gptsovits.commands.shared import add_model_options, demo_clip, engine_config, load, read_clip

if TYPE_CHECKING:
    from comps.gptsovits.engine.stats import StepStats
    from comps.gptsovits.model import Model

Figure = float | int | str | dict[str, list[float]] | None


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("bench", help="measure tokens, audio, first audio and memory")
    parser.add_argument("--synthetic", metavar="VERSION", help="official sizes, random weights, no files")
    parser.add_argument("--requests", type=int, default=4, help="how many are timed (default: 4)")
    parser.add_argument("--concurrent", type=int, default=1, help="how many at once (default: 1)")
    parser.add_argument("--tokens", type=int, default=100, help="a measurement of a stage (default: 100)")
    parser.add_argument(
        "--step",
        choices=("auto", "compiled", "torch"),
        default="auto",
        help="what decodes tokens: compiled code, torch, as without a compiler, or either (default: auto)",
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON and nothing else")
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    if min(args.requests, args.concurrent) < 1 or not 11 <= args.tokens <= 250:
        raise InvalidOption("--requests and --concurrent are at least 1, --tokens 11 to 250")
    if args.step == "compiled":
        _check_compiled()
    figures = _figures(args)
    if args.json:
        print(json.dumps(figures))
        return 0
    for name, value in figures.items():
        print(f"{name:26} {_shown(value)}")
    return 0


def _figures(args: argparse.Namespace) -> dict[str, Figure]:
    import torch

    from comps.gptsovits.bench import parts
    from comps.gptsovits.bench.roofline import roofline
    from comps.gptsovits.bench.tokens import token_figures
    from comps.gptsovits.devices import Precision
    from comps.gptsovits.engine.forms import Form
    from comps.gptsovits.engine.threads import threads_for
    from comps.gptsovits.networks.vits.decoder import VitsDecoder

    precision = Precision(args.precision)
    model = _model(args)
    n_available = torch.get_num_threads()
    # What serving takes is known before the yardstick takes its own.
    speech, steps = asyncio.run(_speech(args, model))
    peak = _peak_memory()
    torch.set_num_threads(n_available)  # the engine chose for itself
    model = _model(args)  # with its weights as they were loaded
    form = Form(steps.form) if steps is not None else None  # as the engine chose
    limits = roofline(model, form, precision) if form is not None else None
    ours, whole = None, None
    if isinstance(model.decoder, VitsDecoder):
        ours, whole = parts.decoder_seconds(model, args.tokens, precision=precision)
    t2s = model.t2s
    n_threads = threads_for(t2s, n_available)
    tokens = token_figures(
        t2s,
        precision=precision,
        n_tokens=args.tokens,
        n_threads=n_threads,
        compiled=args.step != "torch",
        form=form,
    )
    return {
        "model": model.id,
        "machine": f"{platform.machine()}, {model.device}, {n_available} threads",
        "precision": precision,
        "t2s_form": steps.form if steps is not None else None,
        "t2s_forms_ms": {name: list(pair) for name, pair in steps.measured_ms.items()} if steps else None,
        "t2s_tokens_per_second": tokens.one,
        "t2s_tokens_per_second_8": tokens.several,
        "t2s_tokens_per_second_exact": tokens.exact,
        "t2s_tokens_per_second_plain": tokens.plain,
        **tokens.ratios,
        "prefill_seconds": tokens.prefill_seconds,
        "prefill_seconds_plain": tokens.plain_prefill_seconds,
        "decoder_rtf": ours,
        "decoder_ratio": whole / ours if whole and ours else None,
        **speech,
        "peak_memory_bytes": peak,
        "roofline": limits.line(tokens.one, ours) if limits is not None else None,
    }


async def _speech(args: argparse.Namespace, model: Model) -> tuple[dict[str, Figure], StepStats | None]:
    from comps.gptsovits.bench.speech import speech_figures
    from comps.gptsovits.bench.synthetic import synthetic_voice
    from comps.gptsovits.engine import Engine

    config = replace(engine_config(args), compiled=args.step != "torch")
    with Engine(model, config=config) as engine:
        if args.synthetic:
            voice = synthetic_voice(model)
        else:
            clip, text = demo_clip()
            voice = (await engine.profile(read_clip(clip), text=text)).voice
        figures = await speech_figures(
            engine, model, voice, n_requests=args.requests, n_at_once=args.concurrent
        )
        stats = engine.stats()
    told: dict[str, Figure] = {
        "concurrent": args.concurrent,
        "rtf": figures.rtf,
        "first_audio_p50": figures.first_audio_p50,
        "first_audio_p95": figures.first_audio_p95,
        "underruns": figures.underruns,
        "vocoder_windows_per_call": stats.vocoder_windows_total / max(1, stats.vocoder_calls_total),
    }
    return told, stats.steps


def _model(args: argparse.Namespace) -> Model:
    if args.synthetic is None:
        return load(args)
    import torch

    from comps.gptsovits.bench.synthetic import synthetic_model
    from comps.gptsovits.versions import Version

    if args.threads is not None:
        torch.set_num_threads(args.threads)
    try:
        version = Version.parse(args.synthetic)
    except ValueError as error:
        raise InvalidOption(str(error)) from error
    return synthetic_model(version)


def _check_compiled() -> None:
    from comps.gptsovits.native import load_library

    if load_library() is None:
        raise InvalidOption("--step compiled: there is neither a built library nor a compiler")


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes on Linux


def _shown(value: Figure) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {few:.3g}, {many:.3g}" for name, (few, many) in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)
