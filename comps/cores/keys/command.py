"""`… keys add | list | revoke`: the keys in the file, by command."""

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from comps.cores.errors import SovitsError
from comps.cores.keys.file import change_keys, read_keys
from comps.cores.keys.key import ApiKey, ApiKeys, Scope, digest, new_secret


def add_keys_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Let a service's command line know `keys`."""
    keys = commands.add_parser("keys", help="make, list and revoke API keys")
    actions = keys.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="make a key and print it, once")
    add.add_argument("name", help="whose it is: letters, digits, dots and dashes")
    add.add_argument(
        "--scope",
        action="append",
        type=Scope,
        choices=list(Scope),
        help="what it is for; may be repeated, and each contains those before it (default: speak)",
    )
    add.add_argument("--quota", type=int, metavar="N", help="characters of text a day")
    add.add_argument("--rate", type=int, metavar="N", help="requests a minute")
    add.add_argument("--days", type=float, metavar="N", help="how long it is valid")
    show = actions.add_parser("list", help="show the keys, without their secrets")
    show.add_argument("--json", action="store_true", help="as the setting of API keys takes them")
    revoke = actions.add_parser("revoke", help="make a key worthless, within a second")
    revoke.add_argument("name")


def run_keys_command(options: argparse.Namespace, path: Path) -> int:
    """Do what was asked to the keys in `path`; the exit status."""
    try:
        match options.action:
            case "add":
                _add(options, path)
            case "list":
                _list(path, as_json=options.json)
            case "revoke":
                _revoke(options.name, path)
    except (SovitsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _add(options: argparse.Namespace, path: Path) -> None:
    secret, now = new_secret(), datetime.now(UTC)
    try:
        key = ApiKey(
            name=options.name,
            sha256=digest(secret),
            scopes=tuple(options.scope or (Scope.SPEAK,)),
            characters_a_day=options.quota,
            requests_a_minute=options.rate,
            created=now,
            expires=now + timedelta(days=options.days) if options.days is not None else None,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise SovitsError(f"{first['loc'][0]}: {first['msg']}") from None

    def added(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        if any(other.name == key.name for other in keys):
            raise SovitsError(f"there is a key {key.name!r} already, in force or revoked: take another name")
        return (*keys, key)

    change_keys(path, added)
    print(f"the key of {key.name}; it is shown this once and cannot be read back:", file=sys.stderr)
    print(secret)


def _list(path: Path, *, as_json: bool) -> None:
    keys = read_keys(path)
    if as_json:
        print(ApiKeys.dump_json(keys, exclude_none=True).decode())
        return
    now = datetime.now(UTC)
    for key in keys:
        state = "revoked" if key.revoked else "valid" if key.is_valid(now) else "expired"
        quota = f"{key.characters_a_day} characters a day" if key.characters_a_day else "any length"
        rate = f"{key.requests_a_minute} requests a minute" if key.requests_a_minute else "any rate"
        print(f"{key.name:<20} {state:<8} {'+'.join(key.scopes):<12} {quota}, {rate}")


def _revoke(name: str, path: Path) -> None:
    def revoked(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        if not any(key.name == name for key in keys):
            raise SovitsError(f"there is no key {name!r} in {path}")
        now = datetime.now(UTC)
        return tuple(
            key.model_copy(update={"revoked": key.revoked or now}) if key.name == name else key
            for key in keys
        )

    change_keys(path, revoked)
    print(f"{name} is revoked", file=sys.stderr)
