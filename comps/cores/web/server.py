"""From a command line to a listening service: settings checked, keys demanded where they must be."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from comps.cores import logs
from comps.cores.errors import CorruptKeys, SovitsError
from comps.cores.keys.command import add_keys_command
from comps.cores.keys.ring import KeyRing
from comps.cores.settings.base import ServiceSettings
from comps.cores.settings.telling import Settings, changed, complaints, help_text, strangers, variables

logger = logging.getLogger(__name__)

AnySettings = TypeVar("AnySettings", bound=ServiceSettings)
CONFIGURATION_ERROR = 78  # EX_CONFIG of sysexits.h
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def command_line(description: str, settings: Settings) -> argparse.ArgumentParser:
    """The parser that both services start from; its `--help` shows every setting."""
    parser = argparse.ArgumentParser(
        description=description,
        epilog=help_text(settings),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on")
    add_keys_command(parser.add_subparsers(dest="command", metavar="keys"))
    return parser


def checked(
    kind: type[AnySettings], environment: Mapping[str, str], overrides: Mapping[str, Any]
) -> AnySettings:
    """The settings; if they cannot be, the process ends and says of each variable what is wrong with it."""
    try:
        settings = kind(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        _give_up(*complaints(error, kind))
    logs.configure(settings.log_level, as_json=settings.log_json, service=_service(kind))
    for warning in strangers(kind, environment):
        logger.warning(warning)
    return settings


def ring_of(settings: ServiceSettings, path: Path | None) -> KeyRing:
    """The keys of a service. Raises `CorruptKeys`."""
    return KeyRing(settings.api_keys.get_secret_value() if settings.api_keys else None, path)


def guarded(settings: AnySettings, path: Path | None) -> AnySettings:
    """The settings, once it is clear that the service may listen where they say; else the process ends."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    try:
        is_open = ring_of(settings, path).is_empty
    except CorruptKeys as error:
        _give_up(f"{prefix}KEYS_FILE or {prefix}API_KEYS: {error}")
    if not is_open:
        return settings
    if settings.is_local:
        # Without keys, a page anywhere could reach this through its visitor's browser by giving its own name
        # a loopback address; so it is answered to loopback's names alone.
        hosts = settings.allowed_hosts or (*LOOPBACK_NAMES, settings.host.strip("[]").lower())
        return settings.model_copy(update={"allowed_hosts": hosts})
    if not settings.allow_anonymous:
        _give_up(
            f"{prefix}HOST: {settings.host} can be reached from other machines, and there are no API keys.",
            f"Make one, in {prefix}KEYS_FILE ({path or 'not set'}), by: keys add NAME --scope speak;",
            f"or listen on 127.0.0.1; or, where something else keeps strangers out, set"
            f" {prefix}ALLOW_ANONYMOUS=true.",
        )
    logger.warning("anybody who reaches %s may use this service: there are no API keys", settings.host)
    return settings


def writable(settings: ServiceSettings, *fields: str) -> None:
    """Make folders that must be written to; if one cannot be, the process ends and names its variable."""
    names = {row.field: row.name for row in variables(type(settings))}
    for field in fields:
        if (path := getattr(settings, field)) is None:
            continue
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _give_up(f"{names[field]}: the folder {path} cannot be made: {error.strerror}")
        if not os.access(path, os.W_OK | os.X_OK):
            _give_up(f"{names[field]}: the folder {path} cannot be written to")


def built(make: Callable[[], FastAPI]) -> FastAPI:
    """The application; what is wrong with a setting ends the process with what it says."""
    try:
        return make()
    except SovitsError as error:
        _give_up(str(error))


def _give_up(*lines: str) -> NoReturn:
    print("\n".join(lines), file=sys.stderr)
    raise SystemExit(CONFIGURATION_ERROR)


def _service(kind: Settings) -> str:
    return str(kind.model_config.get("env_prefix", "")).strip("_").lower()


class Patience:
    """A connection that asks for nothing is closed: else each costs a descriptor for ever."""

    header_seconds: float
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    cycle: object | None  # of uvicorn's protocols: the request being served

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)  # type: ignore[misc]
        self._waiting = self.loop.call_later(self.header_seconds, self._lose_patience)

    def _lose_patience(self) -> None:
        # Only before the first request; between requests uvicorn's keep-alive limit holds. A connection that
        # has become a socket has another protocol by now.
        if self.cycle is None and self.transport.get_protocol() is cast(object, self):
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.cancel()
        super().connection_lost(exc)  # type: ignore[misc]


def patient(header_seconds: float) -> type[asyncio.Protocol]:
    """The protocol that uvicorn would choose, with patience."""
    return type("Protocol", (Patience, AutoHTTPProtocol), {"header_seconds": header_seconds})


def serve(app: FastAPI, settings: ServiceSettings) -> None:
    """Listen until told to stop."""
    logger.info("settings", extra={"changed": changed(settings)})
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        http=patient(settings.max_header_seconds),
        log_config=None,
        access_log=False,
        server_header=False,
    )
