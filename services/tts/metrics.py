"""The gateway's own figures for Prometheus."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.tts.jobs.record import JobRecord
from services.tts.jobs.runner import Runner
from services.tts.profiles import ProfileCache

SECONDS_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class GatewayMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._jobs = Counter("tts_jobs_total", "Jobs ended", ["state"], registry=registry)
        self._audio = Counter("tts_audio_seconds_total", "Seconds of audio made", registry=registry)
        self._problems = Counter("tts_problems_total", "Jobs failed, by why", ["code"], registry=registry)
        self.queued = Gauge("tts_jobs_queued", "Jobs waiting, of all gateways", registry=registry)
        self.first_audio = Histogram(
            "tts_first_audio_seconds",
            "From asking for a speaker and a text to the first audio",
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.underruns = Counter(
            "tts_underruns_total",
            "Pieces of audio that came after those before them would have been played",
            registry=registry,
        )
        self._seconds = Histogram(
            "tts_job_seconds", "From start to end of a job", buckets=SECONDS_BUCKETS, registry=registry
        )

    def finished(self, record: JobRecord) -> None:
        self._jobs.labels(record.state.value).inc()
        self._audio.inc(record.audio_seconds)
        if record.problem:
            self._problems.labels(record.problem.get("code", "unknown")).inc()
        if record.started and record.finished:
            self._seconds.observe(max(0.0, record.finished - record.started))

    def watch(self, profiles: ProfileCache, runner: Runner) -> None:
        self._registry.register(_LiveCollector(profiles, runner))


class _LiveCollector(Collector):
    def __init__(self, profiles: ProfileCache, runner: Runner) -> None:
        self._profiles = profiles
        self._runner = runner

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        profiles = self._profiles
        yield GaugeMetricFamily("tts_jobs_running", "Jobs under way here", value=len(self._runner.runs))
        yield GaugeMetricFamily("tts_profile_cache_entries", "Cached profiles", value=len(profiles))
        yield GaugeMetricFamily("tts_profile_cache_bytes", "Bytes of cached profiles", value=profiles.n_bytes)
        yield CounterMetricFamily(
            "tts_profile_cache_hits", "Profiles found in the cache", value=profiles.hits
        )
        yield CounterMetricFamily("tts_profile_cache_misses", "Profiles made anew", value=profiles.misses)
        yield CounterMetricFamily(
            "tts_profile_cache_evictions", "Profiles that went to make room", value=profiles.evictions
        )
        asked = profiles.hits + profiles.misses
        yield GaugeMetricFamily(
            "tts_profile_cache_hit_ratio",
            "Hits among all look-ups since the start",
            value=profiles.hits / asked if asked else 0.0,
        )
