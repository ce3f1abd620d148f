"""Encoders of a reference: content features, BERT features, the speaker vector."""

# Before `transformers`, which imports torchaudio, which fails to load beside a CPU build of torch.
from comps.gptsovits.dsp import torchaudio_parts  # noqa: F401
