import hashlib
import io
import json
import os
import stat
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comps.cores.errors import CorruptKeys
from comps.cores.keys.bucket import TokenBucket
from comps.cores.keys.file import change_keys, read_keys
from comps.cores.keys.key import ApiKey, ApiKeys, Scope, digest, new_secret
from comps.cores.keys.ring import KeyRing
from services.tts.main import main

ROOT = Path(__file__).resolve().parents[3]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def key(name: str, secret: str, **facts: object) -> ApiKey:
    return ApiKey(name=name, sha256=digest(secret), **facts)  # type: ignore[arg-type]


def as_json(*keys: ApiKey) -> str:
    return ApiKeys.dump_json(keys).decode()


def command(path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The gateway's `keys`, as one types it: in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "services.tts.main", "keys", *words],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TTS_KEYS_FILE": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def command_here(path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """The same, without waiting for Python to start."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("TTS_KEYS_FILE", str(path))
        patch.setattr(sys, "argv", ["tts-gateway", "keys", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    return subprocess.CompletedProcess(words, int(ended.value.code or 0), out.getvalue(), err.getvalue())


def test_a_secret_is_256_random_bits_and_only_its_digest_is_kept() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(secret) >= 47 for secret in secrets)
    secret = secrets.pop()
    assert digest(secret) == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in as_json(key("a", secret))


def test_each_scope_contains_those_before_it() -> None:
    allowed = {
        scope: [other for other in Scope if key("k", "s", scopes=[scope]).allows(other)] for scope in Scope
    }
    assert allowed == {
        Scope.READ: [Scope.READ],
        Scope.SPEAK: [Scope.READ, Scope.SPEAK],
        Scope.ADMIN: [Scope.READ, Scope.SPEAK, Scope.ADMIN],
    }


def test_a_ring_finds_a_key_by_its_secret_alone() -> None:
    ring = KeyRing(as_json(key("a", "one"), key("b", "two")))
    assert [found and found.name for found in map(ring.find, ("one", "two", "three", "", digest("one")))] == [
        "a",
        "b",
        None,
        None,
        None,
    ]


def test_revoked_and_expired_keys_open_nothing_but_keep_the_door_closed() -> None:
    now = datetime.now(UTC)
    ring = KeyRing(
        as_json(key("a", "one", revoked=now), key("b", "two", expires=now - timedelta(seconds=1))),
    )
    assert ring.find("one") is None
    assert ring.find("two") is None
    assert not ring.is_empty


def test_every_stored_digest_is_compared_whatever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr(
        "comps.cores.keys.ring.hmac.compare_digest", lambda a, b: compared.append(b) is None and a == b
    )
    ring = KeyRing(as_json(*(key(name, name) for name in "abc")))
    for secret in ("a", "c", "no"):
        compared.clear()
        ring.find(secret)
        assert compared == [digest(name) for name in "abc"]


def test_a_changed_file_counts_within_a_second_and_an_accident_opens_nothing(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "keys.json"
    ring = KeyRing(path=path, clock=clock)
    assert ring.is_empty

    change_keys(path, lambda keys: (*keys, key("a", "one")))
    assert ring.is_empty
    clock.now += 1.1
    assert ring.find("one")

    for accident in (lambda: path.write_text("{"), path.unlink):
        accident()
        clock.now += 1.1
        assert not ring.is_empty
        assert ring.find("one")

    path.write_text(as_json(key("b", "two")))
    clock.now += 1.1
    assert not ring.find("one")
    assert ring.find("two")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1]",
        '[{"name": "a"}]',
        '[{"name": "a b", "sha256": "' + "0" * 64 + '"}]',
        '[{"name": "a", "sha256": "' + "0" * 64 + '", "scopes": ["root"]}]',
        as_json(key("a", "one"), key("a", "two")),
    ],
)
def test_a_damaged_file_is_refused_at_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(CorruptKeys, match=r"keys\.json"):
        KeyRing(path=path)


def test_the_command_makes_lists_and_revokes(tmp_path: Path) -> None:
    path = tmp_path / "state" / "keys.json"
    made = command(path, "add", "alice", "--scope", "read", "--quota", "1000", "--rate", "60", "--days", "30")
    secret = made.stdout.strip()
    assert secret.startswith("svs_")
    (stored,) = read_keys(path)
    assert (stored.name, stored.sha256, stored.scopes) == ("alice", digest(secret), (Scope.READ,))
    assert (stored.characters_a_day, stored.requests_a_minute) == (1_000, 60)
    assert stored.expires is not None
    assert secret not in path.read_text()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600

    listed = command_here(path, "list")
    assert "alice" in listed.stdout
    assert "valid" in listed.stdout
    assert secret not in listed.stdout + listed.stderr
    # What `--json` prints is what the setting of keys takes.
    assert KeyRing(command_here(path, "list", "--json").stdout).find(secret)

    assert command_here(path, "add", "alice").returncode == 1
    assert command_here(path, "revoke", "bob").returncode == 1
    assert command_here(path, "revoke", "alice").returncode == 0
    assert KeyRing(path=path).find(secret) is None
    assert "revoked" in command_here(path, "list").stdout


def test_commands_at_the_same_time_lose_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        for index in range(24):
            pool.submit(change_keys, path, lambda keys, index=index: (*keys, key(f"k{index}", f"s{index}")))
    assert len(json.loads(path.read_text())) == 24
    assert not list(tmp_path.glob(".*.part"))


def test_a_bucket_lets_a_burst_through_then_the_average() -> None:
    clock = Clock()
    bucket = TokenBucket(60, clock)
    assert [bucket.take() for _ in range(60)] == [0.0] * 60
    assert bucket.take() == pytest.approx(1.0)
    clock.now += 0.5
    assert bucket.take() == pytest.approx(0.5)
    clock.now += 0.5
    assert bucket.take() == 0.0


@given(
    a_minute=st.integers(1, 600),
    pauses=st.lists(st.floats(-5, 30), max_size=60),
)
def test_a_bucket_never_lets_through_more_than_a_burst_and_the_average(
    a_minute: int, pauses: list[float]
) -> None:
    clock = Clock()
    bucket = TokenBucket(a_minute, clock)
    passed, elapsed = 0, 0.0
    for pause in pauses:
        clock.now += pause
        elapsed += max(0.0, pause)
        passed += bucket.take() == 0.0
        assert passed <= a_minute + elapsed * a_minute / 60 + 1e-6
