"""Who may do what: the address a request was sent to, the page it comes from, the key it shows."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from comps.cores import exchange
from comps.cores.errors import HostRefused, KeyMissing, KeyWrong, OriginRefused, RateExceeded, ScopeMissing
from comps.cores.keys import key as keys
from comps.cores.keys.bucket import TokenBucket
from comps.cores.keys.key import ApiKey
from comps.cores.keys.ring import KeyRing
from comps.cores.web.problems import error_response

# What clients of other servers send instead of `Authorization`.
KEY_HEADERS = ("x-api-key", "xi-api-key")
SUBPROTOCOL_KEY = "openai-insecure-api-key."  # how browsers, which cannot set headers, open a socket
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Rule:
    """Routes of a scope: a pattern of paths, and methods or all of them. `scope` None is for anybody."""

    scope: keys.Scope | None
    pattern: str
    methods: frozenset[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_matches", re.compile(self.pattern).fullmatch)

    def covers(self, method: str, path: str) -> bool:
        matches: Callable[[str], object] = self._matches  # type: ignore[attr-defined]
        return (self.methods is None or method in self.methods) and bool(matches(path))


def rule(scope: keys.Scope | None, pattern: str, *methods: str) -> Rule:
    return Rule(scope, pattern, frozenset(methods) or None)


class Access:
    """The decision, apart from HTTP's machinery."""

    def __init__(
        self,
        rules: Sequence[Rule],
        ring: KeyRing,
        *,
        allowed_hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._ring = ring
        self._hosts = tuple(host.lower() for host in allowed_hosts)
        self._origins = frozenset(origins)
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}

    def rule_for(self, method: str, path: str) -> Rule | None:
        return next((rule for rule in self._rules if rule.covers(method, path)), None)

    def admit(self, method: str, path: str, headers: Mapping[str, str], *, is_socket: bool) -> ApiKey | None:
        """The key of the caller, None if there are no keys here or none is needed. Raises `AccessError`s."""
        self._check_host(headers.get("host", ""))
        if is_socket or method not in SAFE_METHODS:
            self._check_origin(headers)
        if self._ring.is_empty:
            return None
        found = self.rule_for(method, path)
        # A route that nobody thought of is the administrator's.
        scope = found.scope if found is not None else keys.Scope.ADMIN
        if scope is None:
            return None
        secret = presented_key(headers)
        if secret is None:
            raise KeyMissing("send an API key: Authorization: Bearer …")
        caller = self._ring.find(secret)
        if caller is None:
            raise KeyWrong("the API key is not known, or no longer valid")
        self._check_rate(caller)
        if not caller.allows(scope):
            raise ScopeMissing(f"this needs a key of scope {scope!s}; {caller.name!r} is not one")
        return caller

    def _check_host(self, given: str) -> None:
        if not self._hosts or "*" in self._hosts:
            return
        name = host_of(given)
        if not any(name == host or (host.startswith(".") and name.endswith(host)) for host in self._hosts):
            raise HostRefused(
                "requests to this host name are not answered here; see the setting ALLOWED_HOSTS"
            )

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        """Pages of other origins must not act through their visitors' browsers; CORS alone lets them."""
        origin = headers.get("origin")
        if origin is None or origin in self._origins or "*" in self._origins:
            return
        if headers.get("sec-fetch-site") == "same-origin":
            return
        if origin == "null" or urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            raise OriginRefused("pages of other origins may not call; see the setting CORS_ORIGINS")

    def _check_rate(self, caller: ApiKey) -> None:
        if caller.requests_a_minute is None:
            return
        bucket = self._buckets.get(caller.sha256)
        if bucket is None or bucket.a_minute != caller.requests_a_minute:
            bucket = self._buckets[caller.sha256] = TokenBucket(caller.requests_a_minute, self._clock)
        if seconds := bucket.take():
            raise RateExceeded(
                f"{caller.requests_a_minute} requests a minute are allowed", retry_after=seconds
            )


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The secret that a request shows, in any of the ways that clients know."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    for name in KEY_HEADERS:
        if secret := headers.get(name, "").strip():
            return secret
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if (offered := protocol.strip()).startswith(SUBPROTOCOL_KEY):
            return offered.removeprefix(SUBPROTOCOL_KEY)
    return None


def host_of(header: str) -> str:
    """The name in a `Host` header, without its port."""
    name = header.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0].lstrip("[")
    return name.partition(":")[0].rstrip(".")


class AccessMiddleware:
    """Refuses before anything of the body is read."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        is_socket = scope["type"] == "websocket"
        try:
            caller = self.access.admit(
                scope.get("method", "GET"), scope["path"], Headers(scope=scope), is_socket=is_socket
            )
        except Exception as error:
            await _refuse(error, scope, receive, send)
            return
        if (here := exchange.current.get()) is not None:
            here.caller = caller
        await self.app(scope, receive, send)


async def _refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    reply = error_response(error, path=scope["path"])
    if isinstance(error, KeyMissing | KeyWrong):
        reply.headers["WWW-Authenticate"] = "Bearer"
    if scope["type"] == "http":
        await reply(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await reply(scope, receive, send)  # Starlette sends a response to a websocket as its refusal
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": str(error)[:120]})
