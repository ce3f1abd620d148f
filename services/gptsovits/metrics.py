"""The engine's figures for Prometheus, read when they are asked for."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from comps.cores.errors import ModelNotReady
from services.gptsovits.inference import Inference
from services.gptsovits.speakers import Speakers

GAUGES = {
    "running": "Requests being synthesised",
    "waiting": "Requests in the queue",
    "capacity": "Requests that may wait in the queue",
    "rows_busy": "Segments being decoded",
    "rows": "Segments that can be decoded at once",
    "tokens_per_second": "Semantic tokens a second, lately",
}
COUNTERS = {
    "requests_total": "Requests accepted",
    "succeeded_total": "Requests finished",
    "failed_total": "Requests failed",
    "cancelled_total": "Requests cancelled",
    "profiles_total": "Speaker profiles made",
    "transfers_total": "Voice transfers accepted",
    "tokens_total": "Semantic tokens made",
    "audio_seconds_total": "Seconds of audio made",
    "retries_total": "Segments made again because the guard refused them",
    "vocoder_calls_total": "Calls of the vocoder",
    "vocoder_windows_total": "Windows that they made",
}


class EngineCollector(Collector):
    def __init__(self, inference: Inference, speakers: Speakers) -> None:
        self._inference = inference
        self._speakers = speakers

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        speakers = self._speakers
        yield GaugeMetricFamily("gptsovits_speakers", "Speakers in memory", value=len(speakers))
        yield GaugeMetricFamily("gptsovits_speakers_bytes", "Bytes of them", value=speakers.n_bytes)
        yield CounterMetricFamily(
            "gptsovits_speaker_cache_hits", "Clips whose speaker was in memory", value=speakers.hits
        )
        yield CounterMetricFamily(
            "gptsovits_speaker_cache_misses", "Clips of new speakers", value=speakers.misses
        )
        try:
            stats = self._inference.engine.stats()
        except ModelNotReady:
            yield GaugeMetricFamily("gptsovits_ready", "Whether a model is loaded", value=0)
            return
        yield GaugeMetricFamily("gptsovits_ready", "Whether a model is loaded", value=1)
        for name, text in GAUGES.items():
            yield GaugeMetricFamily(f"gptsovits_{name}", text, value=getattr(stats, name))
        stages = CounterMetricFamily(
            "gptsovits_stage_seconds", "Seconds that the engine spent, by stage", labels=["stage"]
        )
        for stage, seconds in stats.stage_seconds.items():
            stages.add_metric([stage], seconds)
        yield stages
        for name, text in COUNTERS.items():
            yield CounterMetricFamily(
                f"gptsovits_{name.removesuffix('_total')}", text, value=getattr(stats, name)
            )


def watch(inference: Inference, speakers: Speakers, registry: CollectorRegistry) -> None:
    registry.register(EngineCollector(inference, speakers))
