"""Text to semantic tokens: the autoregressive transformer."""

from comps.gptsovits.networks.t2s.cache import KVCache
from comps.gptsovits.networks.t2s.config import T2SConfig
from comps.gptsovits.networks.t2s.model import T2S

__all__ = ["T2S", "KVCache", "T2SConfig"]
