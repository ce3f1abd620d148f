"""Who asks, from where and how often."""

from comps.cores.errors.base import SovitsError


class AccessError(SovitsError):
    code = "access_refused"
    title = "The request is not allowed"


class KeyMissing(AccessError):
    code = "key_missing"
    title = "An API key is needed"


class KeyWrong(AccessError):
    code = "key_wrong"
    title = "The API key is not known"


class ScopeMissing(AccessError):
    code = "scope_missing"
    title = "The API key does not allow this"


class OriginRefused(AccessError):
    code = "origin_refused"
    title = "Pages of this origin may not call"


class HostRefused(AccessError):
    code = "host_refused"
    title = "The service does not answer to this name"


class LimitExceeded(AccessError):
    def __init__(self, detail: str = "", *, retry_after: float) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class RateExceeded(LimitExceeded):
    code = "rate_exceeded"
    title = "Too many requests"


class QuotaExceeded(LimitExceeded):
    code = "quota_exceeded"
    title = "The day's quota is used up"


class CorruptKeys(SovitsError):
    code = "corrupt_keys"
    title = "The API keys cannot be read"


class Overloaded(SovitsError):
    code = "overloaded"
    title = "Too much is being sent at once"

    def __init__(self, detail: str = "", *, retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(detail)
