"""check_wav.py FILE MIN_SECONDS MAX_SECONDS: whether a file is a WAV of plausible length and level."""

import sys

import numpy as np
import soundfile


def main(path: str, shortest: str, longest: str) -> int:
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        print(f"FAIL {path} is not audio: {error}")
        return 1
    seconds = len(samples) / rate
    frames = samples[: len(samples) // (rate // 50) * (rate // 50), 0].reshape(-1, rate // 50)  # 20 ms each
    levels = np.sqrt((frames**2).mean(axis=1)) if len(frames) else np.zeros(1)
    sounding = float((levels > 0.005).mean())
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    print(f"{path}: {seconds:.2f} s at {rate} Hz, peak {peak:.2f}, {sounding:.0%} of it sounding")
    faults = []
    if not float(shortest) <= seconds <= float(longest):
        faults.append(f"it should last {shortest} to {longest} s")
    if sounding < 0.3:
        faults.append("most of it is silence")
    if not 0.02 <= peak <= 1.0:
        faults.append("its level is not plausible")
    for fault in faults:
        print(f"FAIL {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
