"""Requests to audio: `Engine` is the door, everything else is behind it.

Names are imported on first use, so that the parts without torch can be had without it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from comps.gptsovits.engine.catalogue import Catalogue as Catalogue
    from comps.gptsovits.engine.config import EngineConfig as EngineConfig
    from comps.gptsovits.engine.engine import Engine as Engine
    from comps.gptsovits.engine.handle import Handle as Handle
    from comps.gptsovits.engine.request import AudioChunk as AudioChunk
    from comps.gptsovits.engine.request import ProfileResult as ProfileResult
    from comps.gptsovits.engine.request import SpeechOptions as SpeechOptions
    from comps.gptsovits.engine.request import SpeechRequest as SpeechRequest
    from comps.gptsovits.engine.request import TransferRequest as TransferRequest
    from comps.gptsovits.engine.stats import EngineStats as EngineStats

_HOMES = {
    "AudioChunk": "request",
    "Catalogue": "catalogue",
    "Engine": "engine",
    "EngineConfig": "config",
    "EngineStats": "stats",
    "Handle": "handle",
    "ProfileResult": "request",
    "SpeechOptions": "request",
    "SpeechRequest": "request",
    "TransferRequest": "request",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
