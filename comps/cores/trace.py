"""Where a request stands in a trace that may have begun elsewhere (W3C Trace Context, level 1)."""

import re
import secrets
from dataclasses import dataclass

TRACEPARENT_HEADER = "traceparent"
TRACESTATE_HEADER = "tracestate"

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MAX_STATE = 512  # characters that must be passed on; longer ones may be dropped, and are
SAMPLED = 0x01


@dataclass(frozen=True)
class Trace:
    """A span: `trace_id` is the same in every service, `span_id` is this one's, `parent_id` the caller's."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    flags: int = 0
    state: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What a service that is called from within this span is told."""
        told = {TRACEPARENT_HEADER: f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"}
        return told | ({TRACESTATE_HEADER: self.state} if self.state else {})


def trace_of(traceparent: str = "", tracestate: str = "") -> Trace:
    """A span within the caller's trace, or of a trace of its own if the header is none or not well formed."""
    parent = _TRACEPARENT.fullmatch(traceparent.strip())
    if parent is None or not _is_good(parent):
        return Trace(secrets.token_hex(16), secrets.token_hex(8))
    state = tracestate.strip()
    usable = state if len(state) <= _MAX_STATE and state.isascii() and state.isprintable() else ""
    return Trace(parent[2], secrets.token_hex(8), parent[3], int(parent[4], 16) & SAMPLED, usable)


def _is_good(parent: re.Match[str]) -> bool:
    version, trace_id, span_id, more = parent[1], parent[2], parent[3], parent[5]
    # Later versions may append fields; this one may not.
    is_known = version != "ff" and (version != "00" or more is None)
    return is_known and trace_id.strip("0") != "" and span_id.strip("0") != ""
