"""Jobs, and the inference service as the gateway sees it."""

from comps.cores.errors.base import SovitsError


class JobError(SovitsError):
    code = "job_error"
    title = "The job cannot be used"


class JobUnknown(JobError):
    code = "job_unknown"
    title = "There is no such job"


class JobNotFinished(JobError):
    code = "job_not_finished"
    title = "The job has no audio yet"


class JobInterrupted(JobError):
    code = "job_interrupted"
    title = "The job was interrupted"


class IdempotencyKeyReused(JobError):
    code = "idempotency_key_reused"
    title = "The idempotency key belongs to another request"


class JobStoreUnavailable(JobError):
    code = "job_store_unavailable"
    title = "Jobs cannot be written down"

    def __init__(self, detail: str = "", *, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class JobStoreTooNew(JobError):
    code = "job_store_too_new"
    title = "The jobs were written by a newer version"


class UpstreamError(SovitsError):
    code = "upstream_error"
    title = "The inference service failed"


class UpstreamUnavailable(UpstreamError):
    code = "upstream_unavailable"
    title = "The inference service is not ready"

    def __init__(self, detail: str = "", *, retry_after: float = 2.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class UpstreamNonsense(UpstreamError):
    code = "upstream_nonsense"
    title = "The inference service answered nonsense"


class UpstreamRefused(UpstreamError):
    """The inference service's own refusal, which is the caller's to know: carried on as it came."""

    def __init__(
        self, detail: str, *, status: int, code: str, title: str, retry_after: float | None = None
    ) -> None:
        self.status = status
        self.refusal_code = code
        self.refusal_title = title
        self.retry_after = retry_after
        super().__init__(detail)
