"""Text to semantic tokens: the autoregressive transformer."""

from comps.gptsovits.networks.t2s.cache import KVCache
from comps.gptsovits.networks.t2s.config import T2SConfig
from comps.gptsovits.networks.t2s.model import T2S
from comps.gptsovits.networks.t2s.rows import RowwiseCache

__all__ = ["T2S", "KVCache", "RowwiseCache", "T2SConfig"]
