"""How the two services say how they are."""

from pydantic import Field

from comps.cores.proto.base import Reply


class ModelHealth(Reply):
    """`needs`: for languages that are not in `languages`, the file without which they are not."""

    id: str
    version: str
    fingerprint: str
    languages: list[str]
    sample_rate: int
    needs: dict[str, str] = Field(default_factory=dict)


class LanguageHealth(Reply):
    """Whether a language is spoken, and if not, the extra to install or the model's file that is missing.

    Neither: the loaded model has not learnt it, or none is loaded.
    """

    code: str
    spoken: bool
    missing_extra: str | None = None
    missing_file: str | None = None


class QueueHealth(Reply):
    running: int
    waiting: int
    capacity: int


class StepHealth(Reply):
    """How tokens are decoded on a CPU: in what form, by how many threads, and what a step took when measured.

    `threads` and the milliseconds, for each form that was measured, are for one sequence and for eight.
    """

    form: str
    threads: list[int] | None = None
    measured_ms: dict[str, list[float]] = Field(default_factory=dict)


class InferenceHealth(Reply):
    """`status` is ok, starting or unavailable; `missing` names the file without which there is no model.

    `steps` are those of the default model, once it is ready to speak.
    """

    status: str
    model: ModelHealth | None = None
    device: str | None = None
    dtype: str | None = None
    queue: QueueHealth | None = None
    steps: StepHealth | None = None
    speakers: int = 0
    uptime_seconds: float = 0.0
    detail: str | None = None
    missing: str | None = None
    languages: list[LanguageHealth] = Field(default_factory=list)


class ModelView(Reply):
    """A model that was found; `problem` says why it cannot be loaded, if it cannot."""

    id: str
    version: str | None = None
    path: str
    loaded: bool
    problem: str | None = None


class ModelList(Reply):
    models: list[ModelView]


class UpstreamHealth(InferenceHealth):
    url: str


class JobsHealth(Reply):
    queued: int
    running: int


class CacheHealth(Reply):
    entries: int
    bytes: int
    hits: int
    misses: int


class GatewayHealth(Reply):
    status: str
    gptsovits: UpstreamHealth
    jobs: JobsHealth
    cache: CacheHealth
