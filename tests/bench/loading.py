"""Loading time and peak memory of every version at its official size, with random weights.

    python -m tests.bench.loading [VERSION …] [--own] [--speak] [--chinese]

Writes files of the official sizes and containers into a temporary folder, then loads each in a process of its
own: seconds of wall clock and of processor, the most memory it ever held, the size of the weights. With
`--speak` another process says one sentence of 100 tokens. A table, and one line of JSON at the end.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comps.gptsovits.versions import FACTS, Version

if TYPE_CHECKING:
    from torch import Tensor

MANIFESTS = Path(__file__).parents[1] / "checkpoints/manifests"
ROOT = Path(__file__).parents[2]
SENTENCE = "The quick brown fox jumps over the lazy dog."
MIB = 1 << 20

LOAD = """
import json, resource, sys, time
from pathlib import Path
import torch
import comps.gptsovits.checkpoints.build as build
t2s, decoder, assets, version, own = sys.argv[1:]
before = resource.getrusage(resource.RUSAGE_SELF)
began = time.perf_counter()
if own:
    model = build.load_model(Path(own), assets=Path(assets))
else:
    model = build.load_pair(Path(t2s), Path(decoder), assets=Path(assets), version=build.Version(version))
seconds = time.perf_counter() - began
after = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "load_seconds": round(seconds, 2),
    "load_cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
    "peak_mib": after.ru_maxrss // 1024,
    "weights_mib": model.n_bytes >> 20,
}))
"""


def tensors_of(name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config of an official file and its tensors, filled from one block of random numbers."""
    import torch

    found = json.loads(gzip.decompress((MANIFESTS / f"{name}.json.gz").read_bytes()))
    block = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0)).mul(0.02).half()

    def filled(shape: list[int], dtype: str, key: str) -> Tensor:
        if dtype == "int64":
            return torch.zeros(shape, dtype=torch.long)
        if key.endswith(("weight_g", "original0", "running_var", "inited")):
            return torch.ones(shape, dtype=torch.half)
        n = torch.Size(shape).numel()
        return block.repeat(-(-n // len(block)))[:n].reshape(shape).clone()

    return found["config"], {key: filled(shape, dtype, key) for key, (shape, dtype) in found["keys"].items()}


def write(path: Path, manifest: str, *, section: str = "weight", beside: bool = False) -> Path:
    from tests.tiny import write_official

    if not path.exists():
        config, tensors = tensors_of(manifest)
        in_file = config if "model" in config or section != "weight" else {"model": config}
        write_official(path, tensors, section=section, config=in_file if section == "weight" else None)
        if beside:
            (path.parent / "config.json").write_text(json.dumps(config))
    return path


def write_version(root: Path, version: Version, *, chinese: bool) -> tuple[Path, Path]:
    """Every file of a version; those that versions share are written once."""
    from comps.gptsovits.checkpoints.assets import PATHS, VOCODERS, Asset

    facts = FACTS[version]
    write(
        root / PATHS[Asset.CONTENT][0] / "pytorch_model.bin", "chinese_hubert_base", section="", beside=True
    )
    if chinese:
        folder = root / PATHS[Asset.TEXT][0]
        write(folder / "pytorch_model.bin", "chinese_roberta_wwm_ext_large", section="", beside=True)
        vocabulary = {f"[{i}]": i for i in range(100)} | {"[UNK]": 100}
        model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
        (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": model}))
    if facts.has_speaker_vector:
        write(root / PATHS[Asset.SPEAKER][0], "sv_eres2netv2w24s4ep4", section="")
    if version in VOCODERS:
        at = root / PATHS[VOCODERS[version]][0]
        write(
            at,
            f"vocoder_{version}",
            section="generator" if version is Version.V3 else "",
            beside=version == "v3",
        )
    t2s = write(root / f"t2s_{facts.symbols}.ckpt", f"s1_{facts.symbols}")
    return t2s, write(root / f"decoder_{version}.pth", f"s2_{version}")


def run(command: list[str]) -> tuple[str, int, float]:
    """Output, peak memory in MiB, and seconds of a command in a process of its own."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[:4]} … ended with {process.returncode}")
    return output, usage.ru_maxrss // 1024, time.perf_counter() - began


def measure(root: Path, version: Version, options: argparse.Namespace) -> dict[str, Any]:
    # In a process of its own: the memory a process had at its peak counts for those it starts, too.
    writer = [sys.executable, "-m", "tests.bench.loading", version, "--write", str(root)]
    run(writer + (["--chinese"] if options.chinese else []))
    t2s, decoder = root / f"t2s_{FACTS[version].symbols}.ckpt", root / f"decoder_{version}.pth"
    own = ""
    if options.own:
        own = str(root / f"{version}.safetensors")
        tool = [sys.executable, "-m", "comps.gptsovits.cli"]
        run(
            [*tool, "convert", str(t2s), str(decoder), "-o", own, "--assets", str(root), "--version", version]
        )
    arguments = [str(t2s), str(decoder), str(root), str(version), own]
    output, _, _ = run([sys.executable, "-c", LOAD, *arguments])
    row: dict[str, Any] = {"version": str(version), "files_mib": _size(t2s, decoder), **json.loads(output)}
    if options.speak:
        command = [sys.executable, "-m", "comps.gptsovits.cli", "speak", SENTENCE, "--tokens", "100"]
        command += ["--t2s", str(t2s), "--decoder", str(decoder), "--assets", str(root), "--version", version]
        command += ["--sample-steps", str(options.steps), "--quiet", "-o", str(root / "out.wav")]
        command += ["--reference", str(ROOT / "audio/lower-voice.wav"), "--language", "en"]
        command += ["--reference-text", (ROOT / "audio/lower-voice.txt").read_text().strip()]
        _, row["speak_peak_mib"], seconds = run(command)
        row["speak_seconds"] = round(seconds, 1)
    decoder.unlink()
    if own:
        Path(own).unlink()
    return row


def _size(*paths: Path) -> int:
    return sum(path.stat().st_size for path in paths) // MIB


def table(rows: list[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*", default=list(Version), help="(default: all)")
    parser.add_argument("--own", action="store_true", help="load our own form instead of the official pair")
    parser.add_argument("--speak", action="store_true", help="also speak a sentence of 100 tokens")
    parser.add_argument("--steps", type=int, default=8, help="solver steps of v3 and v4 (default: 8)")
    parser.add_argument("--chinese", action="store_true", help="with the text encoder")
    parser.add_argument(
        "--write", type=Path, metavar="FOLDER", help="only write the files of a version there"
    )
    options = parser.parse_args()
    if options.write is not None:
        write_version(options.write, Version.parse(options.versions[0]), chinese=options.chinese)
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(Path(folder), Version.parse(version), options) for version in options.versions]
    print(table(rows))
    print(json.dumps({"bench": "loading", "cores": os.cpu_count(), "rows": rows}))


if __name__ == "__main__":
    main()
