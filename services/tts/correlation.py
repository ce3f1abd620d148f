"""The id and the trace of the request that a job came with, for when the job's turn comes."""

from collections.abc import Mapping
from typing import Any

from comps.cores import exchange, logs
from comps.cores.exchange import Exchange
from comps.cores.trace import TRACEPARENT_HEADER, TRACESTATE_HEADER, trace_of

KEPT_AS = "asked_by"


def remembered() -> dict[str, dict[str, str]]:
    """What a job keeps of the request being served."""
    here = exchange.current.get()
    told = {"request_id": logs.request_id.get(), **(here.trace.headers if here else {})}
    return {KEPT_AS: told}


def recall(kept: Mapping[str, Any]) -> None:
    """Let this task's logs and calls carry the ids again. Call it in the job's own task."""
    told = kept.get(KEPT_AS)
    if not isinstance(told, dict) or "request_id" not in told:
        return
    logs.request_id.set(str(told["request_id"]))
    exchange.current.set(
        Exchange(trace_of(str(told.get(TRACEPARENT_HEADER, "")), str(told.get(TRACESTATE_HEADER, ""))))
    )
