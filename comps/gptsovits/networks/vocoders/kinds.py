"""Every kind of vocoder, and of sizes of one.

All say how many samples a frame becomes (`hop_length`) and how many frames away from its own a sample looks
(`context_frames`), and take frames `[B, C, F]`, a style `[B, G, 1]` where they have use for one, and
`context`: how many frames at the two ends are looked at and make no samples.
"""

from comps.gptsovits.networks.vocoders.bigvgan import BigVgan, BigVganConfig
from comps.gptsovits.networks.vocoders.hifigan import AnyHifiGan, HifiGanConfig
from comps.gptsovits.networks.vocoders.vocos import AnyVocos, VocosConfig

AnyVocoder = AnyHifiGan | BigVgan | AnyVocos
AnyVocoderConfig = HifiGanConfig | BigVganConfig | VocosConfig
