"""One line of JSON per event (or one readable line on a terminal), each with the id of its request.

An exception is logged as its kind and the places it passed, without its message: messages quote what they
were given, and that can be a user's text. Whoever knows one to be harmless logs it as part of the event.
"""

import json
import logging
import sys
import time
import traceback
from contextvars import ContextVar
from typing import IO, Any

from comps.cores import exchange

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# What logging itself puts on a record; everything else came in through `extra=` and is a field of the event.
_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD_FIELDS}


def _places(error: BaseException | None) -> str:
    """The kinds of an exception and of its causes, each with where it was, the innermost place last."""
    told: list[str] = []
    while error is not None and len(told) < 8:
        kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        frames = traceback.extract_tb(error.__traceback__)
        told.append(
            "\n  ".join([kind, *(f"{each.filename}:{each.lineno} in {each.name}" for each in frames)])
        )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nafter ".join(told)


def _correlated() -> dict[str, str]:
    """The trace and the caller of the request being served."""
    here = exchange.current.get()
    if here is None:
        return {}
    told = {"trace_id": here.trace.trace_id, "span_id": here.trace.span_id}
    return told | ({"key": here.caller.name} if here.caller else {})


class JsonFormatter(logging.Formatter):
    def __init__(self, service: str = "") -> None:
        super().__init__()
        self._service = {"service": service} if service else {}

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
            **self._service,
            **_correlated(),
            **_extras(record),
        }
        if record.exc_info:
            event["exception"] = _places(record.exc_info[1])
        return json.dumps(event, ensure_ascii=False, default=str)


class LineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extras = "".join(f" {name}={value}" for name, value in _extras(record).items())
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname[:4]} {record.getMessage()}{extras}"
        if request_id.get() != "-":
            line += f" [{request_id.get()}]"
        return f"{line}\n{_places(record.exc_info[1])}" if record.exc_info else line


def configure(
    level: str = "INFO", *, as_json: bool | None = None, stream: IO[str] | None = None, service: str = ""
) -> None:
    """Send all logging to `stream` (standard error), as JSON unless that is a terminal."""
    stream = stream or sys.stderr
    as_json = not stream.isatty() if as_json is None else as_json
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(service) if as_json else LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # The level is that of our own loggers. What libraries say below a warning can hold a user's text: URLs,
    # parameters of queries, bodies.
    for ours in ("comps", "services", "access"):
        logging.getLogger(ours).setLevel(level.upper())
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
