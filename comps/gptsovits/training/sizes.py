"""The bundled model's sizes: version 2's layout, narrow enough for a repository and a laptop."""

from comps.gptsovits.networks.semantic.prior import PriorConfig
from comps.gptsovits.networks.vits.decoder import VitsConfig
from comps.gptsovits.networks.vocoders.vocos import VocosConfig

SAMPLE_RATE = 24_000
HOP_LENGTH = 480  # 50 latent frames a second
N_FFT = 1024  # of the latents, and of the reference spectrogram that the style encoder reads
LATENT_CHANNELS = 100  # mel bands
STYLE_DIM = 192

# The prior's deviations are multiplied by it: a prior that has trained for hours draws good latents at full
# strength, one of an hour mumbles. The model card has figures.
CALM = 0.1

# What sets a style apart from the mean style is multiplied by it (character.py).
CHARACTER = 1.35

VOCODER = VocosConfig(
    in_channels=LATENT_CHANNELS,
    channels=256,
    n_layers=3,
    rate=4,
    window_channels=192,
    n_window_layers=6,
    window_hop=120,
    n_fft=480,
)


def decoder_config(*, n_symbols: int, n_bins: int, content_dim: int, feature_dim: int) -> VitsConfig:
    """The decoder's sizes; those that the codebook decides are given."""
    prior = PriorConfig(
        n_symbols=n_symbols,
        feature_dim=feature_dim,
        channels=128,
        latent_channels=LATENT_CHANNELS,
        ffn_channels=384,
        n_heads=2,
        n_layers=4,
        kernel_size=3,
        mrte_channels=STYLE_DIM,
    )
    return VitsConfig(
        prior=prior,
        vocoder=VOCODER,
        content_dim=content_dim,
        n_bins=n_bins,
        token_stride=2,
        style_bins=N_FFT // 2 + 1,
        style_hidden=128,
        style_dim=STYLE_DIM,
        flow_channels=96,
        n_flows=4,
        n_flow_layers=3,
        flow_kernel_size=5,
    )
