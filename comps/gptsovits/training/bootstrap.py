"""First alignments from nothing but text and audio: monophone Gaussian models, flat start, Viterbi training.

The classic recipe (three states a phoneme, one full-covariance Gaussian each, MFCC with two differences,
mean and variance normalised per utterance) finds boundaries within two frames or so on clean speech in a
minute or two, and needs no trained model. The content encoder learns from it and then aligns better itself.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from tqdm import tqdm

from comps.gptsovits.training.alignment import PHONES, Chain, subdivide, viterbi
from comps.gptsovits.training.sounds import Sounds

WINDOW, HOP, N_FFT = 400, 160, 512  # at 16 kHz: 100 frames a second, frame j centred on sample 160 j + 200
STATES = 3
N_CLASSES = 1 + (len(PHONES) - 1) * STATES
_BATCH = 64


def mel_bank(n_mels: int, n_fft: int, rate: int) -> NDArray[np.float32]:
    """Triangular filters evenly spaced in mel (O'Shaughnessy), [n_mels, n_fft // 2 + 1]."""
    top = 2595.0 * np.log10(1.0 + rate / 2 / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, top, n_mels + 2) / 2595.0) - 1.0)
    bins = np.arange(n_fft // 2 + 1) * rate / n_fft
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)


def mfcc(waveform: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """13 cepstra with first and second differences, normalised over the utterance, [T, 39]."""
    emphasised = np.append(waveform[:1], waveform[1:] - 0.97 * waveform[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hamming(WINDOW), N_FFT)) ** 2
    energies = np.log(power @ mel_bank(40, N_FFT, rate).T + 1e-6)
    cepstra = dct(energies, type=2, axis=1, norm="ortho")[:, :13]
    slope = _slope(cepstra)
    stacked = np.concatenate([cepstra, slope, _slope(slope)], axis=1)
    normal = (stacked - stacked.mean(0)) / (stacked.std(0) + 1e-3)
    return normal.astype(np.float32)


def flat_start(sounds: Sounds, chains: list[Chain], *, rounds: int = 10) -> list[NDArray[np.int64]]:
    """The chain state of each frame (100 a second) of each utterance, after `rounds` of Viterbi training."""
    features = [mfcc(sounds.waveform(i), sounds.rate) for i in tqdm(range(len(sounds)), desc="cepstra")]
    parts = [subdivide(chain, STATES) for chain in chains]
    order = np.argsort([len(f) for f in features])
    paths = [_even(len(f), classes) for f, (classes, _) in zip(features, parts, strict=True)]
    everything = np.concatenate(features)
    progress = tqdm(range(rounds), desc="flat start")
    for _ in progress:
        labels = np.concatenate([classes[p] for p, (classes, _) in zip(paths, parts, strict=True)])
        means, whiteners, constants = _fit(everything, labels)
        total = 0.0
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            scores = [_score(features[i], means, whiteners, constants) for i in batch]
            found, finals = viterbi(scores, [parts[i][0] for i in batch])
            for i, path, final in zip(batch, found, finals, strict=True):
                if final > -1e20:  # too short to hold its own text: keep what it had
                    paths[i] = path
                    total += float(final)
        progress.set_postfix(score=f"{total / len(order):.3f}")
    return [origin[p] for p, (_, origin) in zip(paths, parts, strict=True)]


def _slope(x: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(x, ((2, 2), (0, 0)), mode="edge")
    return (2 * (padded[4:] - padded[:-4]) + (padded[3:-1] - padded[1:-3])) / 10.0


def _even(n_frames: int, classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """A path through all that must be visited in equal steps, with a pause of five frames at both ends."""
    edge = min(5, n_frames // 4)
    visited = np.flatnonzero(classes != 0)
    inner = visited[np.linspace(0, len(visited) - 1e-6, n_frames - 2 * edge).astype(np.int64)]
    last = len(classes) - 1
    return np.concatenate([np.zeros(edge, np.int64), inner, np.full(edge, last, np.int64)])


def _fit(
    frames: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """A Gaussian per class: means [K, D], whitening maps [K, D, D], log-density constants [K]."""
    d = frames.shape[1]
    shared = np.cov(frames.T)
    means = np.zeros((N_CLASSES, d), np.float32)
    whiteners = np.zeros((N_CLASSES, d, d), np.float32)
    constants = np.zeros(N_CLASSES, np.float32)
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(N_CLASSES + 1))
    for k in range(N_CLASSES):
        mine = frames[order[bounds[k] : bounds[k + 1]]].astype(np.float64)
        n = len(mine)
        means[k] = mine.mean(0) if n else 0.0
        scatter = np.cov(mine.T) * n if n > 1 else 0.0
        # A rare phoneme leans on the covariance of everything, worth 200 frames.
        covariance = (scatter + 200.0 * 0.5 * shared) / (n + 200.0) + 1e-2 * np.eye(d)
        values, vectors = np.linalg.eigh(covariance)
        whiteners[k] = vectors / np.sqrt(values)
        constants[k] = -0.5 * np.log(values).sum()
    return means, whiteners, constants


def _score(
    x: NDArray[np.float32],
    means: NDArray[np.float32],
    whiteners: NDArray[np.float32],
    constants: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Log-density of each frame under each class, [T, K]."""
    offsets = np.einsum("kd,kde->ke", means, whiteners)
    k, d = offsets.shape
    z = (x @ whiteners.transpose(1, 0, 2).reshape(d, k * d)).reshape(len(x), k, d) - offsets
    return (constants - 0.5 * np.einsum("tkd,tkd->tk", z, z)).astype(np.float32)
