"""Clips of voices that are nothing like training's, for `evaluate --voices`, from packages of Debian.

Four synthetic ones (`flite`) and four people (`pocketsphinx-testdata`, BSD; `alsa-utils`, GPL), who speak
from other rooms, in other styles and at 16 kHz. Writes `NAME.wav` and `NAME.txt` into `machines/` and
`people/`; what is not installed is left out and said.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

SHARE = Path("/usr/share")
GAP_SECONDS = 0.25  # between recordings of one person that are put in a row
RAW_RATE = 16_000  # of files without a header, 16 bits

MACHINES = ("slt", "rms", "awb", "kal16")
MACHINES_SAY = (
    "The old man walked slowly down to the harbour, and watched the boats come in with the evening tide."
)

_TESTS, _SOUNDS = "pocketsphinx/test/data", "sounds/alsa"
# What each person says, and the recordings that say it.
PEOPLE = {
    "librivox": (
        "And Mister John Dashwood had then leisure to consider how much there might be prudently in his "
        "power to do for them.",
        (f"{_TESTS}/librivox/sense_and_sensibility_01_austen_64kb-0870.wav",),
    ),
    "cards": (
        "Eight of spades, four of clubs, seven of hearts. Ten of clubs.",
        (f"{_TESTS}/cards/005.wav", f"{_TESTS}/cards/001.wav"),
    ),
    "goforward": (
        "Go forward ten meters. Thirty three four six ninety two.",
        (f"{_TESTS}/goforward.raw", f"{_TESTS}/numbers.raw"),
    ),
    "alsa": (
        "Front center. Rear left. Side right. Front right.",
        tuple(f"{_SOUNDS}/{name}.wav" for name in ("Front_Center", "Rear_Left", "Side_Right", "Front_Right")),
    ),
}


def recording(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples [N] and their rate, of a file with a header or without one."""
    if path.suffix == ".raw":
        return soundfile.read(
            path, dtype="float32", format="RAW", subtype="PCM_16", samplerate=RAW_RATE, channels=1
        )
    return soundfile.read(path, dtype="float32")


def make_person(folder: Path, name: str, share: Path) -> bool:
    """Write one person's clip; False where their recordings are not installed."""
    text, files = PEOPLE[name]
    paths = [share / file for file in files]
    if not all(path.exists() for path in paths):
        return False
    parts: list[NDArray[np.float32]] = []
    for path in paths:
        samples, rate = recording(path)
        parts += [samples, np.zeros(int(GAP_SECONDS * rate), np.float32)]
    soundfile.write(folder / f"{name}.wav", np.concatenate(parts[:-1]), rate)
    _write_text(folder, name, text)
    return True


def make_machine(folder: Path, name: str) -> bool:
    """Have one voice of flite speak; False where it is not installed."""
    try:
        subprocess.run(
            ["flite", "-voice", name, "-t", MACHINES_SAY, "-o", str(folder / f"{name}.wav")], check=True
        )
    except FileNotFoundError:
        return False
    _write_text(folder, name, MACHINES_SAY)
    return True


def _write_text(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.txt").write_text(f"{text}\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m comps.gptsovits.training.outside", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("outside"))
    parser.add_argument("--share", type=Path, default=SHARE, help="where packages keep their data")
    options = parser.parse_args(arguments)
    machines, people = options.output / "machines", options.output / "people"
    for folder in (machines, people):
        folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in MACHINES if not make_machine(machines, name)]
    missing += [name for name in PEOPLE if not make_person(people, name, options.share)]
    if missing:
        print(f"not installed: {', '.join(missing)} (see --help)", file=sys.stderr)


if __name__ == "__main__":
    main()
