"""The engine's sizes and limits."""

from dataclasses import dataclass

from comps.gptsovits.devices import Precision


@dataclass(frozen=True)
class EngineConfig:
    """How much the engine takes on at once.

    A request is *waiting* until the first of its segments runs; only waiting requests count against
    `queue_capacity`.
    """

    queue_capacity: int = 32
    max_running: int = 16  # rows of the KV cache: segments that decode at once, of all requests
    max_text_characters: int = 20_000
    retries: int = 2  # of a segment that the guard refuses, if the model's ear asks for no more
    max_models: int = 2  # that are kept ready; the one unused for longest makes room
    threads: int | None = None  # of the device's own thread pool; None: leave it as it is
    precision: Precision = Precision.AUTO
    compiled: bool = True  # tokens are decoded by compiled code where it can be had
