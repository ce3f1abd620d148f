import asyncio
import os
from pathlib import Path

import pytest

from comps.cores.audio.digest import source_digest
from services.tts.inference import Profile
from services.tts.profiles import ProfileCache

SIZE = 100


def profile(name: str, *sources: bytes) -> Profile:
    return Profile(name, name.encode().ljust(SIZE), ("a warning",), frozenset(map(source_digest, sources)))


class Maker:
    def __init__(self) -> None:
        self.n = 0

    def __call__(self, name: str, *sources: bytes):  # type: ignore[no-untyped-def]
        async def make() -> Profile:
            self.n += 1
            await asyncio.sleep(0.01)
            return profile(name, *sources)

        return make


def cache(folder: Path, max_bytes: int = 10 * SIZE) -> ProfileCache:
    opened = ProfileCache(folder, max_bytes)
    opened.open()
    return opened


def keys(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.profile")}


def test_profiles_survive_a_restart_and_are_made_once(tmp_path: Path) -> None:
    async def main() -> None:
        make, first = Maker(), cache(tmp_path)
        found = await asyncio.gather(*(first.get("k", make("one")) for _ in range(5)))
        assert {(entry.speaker_id, hit) for entry, hit in found} == {("one", False)}
        assert make.n == 1
        later = cache(tmp_path)
        assert (len(later), later.n_bytes) == (1, SIZE)
        entry, hit = await later.get("k", make("one"))
        assert (entry.speaker_id, entry.warnings, hit, make.n) == ("one", ("a warning",), True, 1)
        assert await later.load("one") == profile("one")
        assert (later.hits, later.misses) == (1, 0)

    asyncio.run(main())


def test_the_least_recently_used_goes_when_bytes_run_out_even_over_restarts(tmp_path: Path) -> None:
    async def main() -> None:
        make, first = Maker(), cache(tmp_path, 3 * SIZE)
        for n, name in enumerate("abc"):
            await first.get(name, make(name))
            os.utime(tmp_path / f"{name}.profile", (n, n))
        assert (await first.get("a", make("a")))[1], "used again: now b is the oldest"
        later = cache(tmp_path, 3 * SIZE)
        await later.get("d", make("d"))
        assert keys(tmp_path) == {"a", "c", "d"}
        assert (later.n_bytes, later.evictions) == (3 * SIZE, 1)
        smaller = cache(tmp_path, 1 * SIZE)
        assert keys(tmp_path) == {"d"}
        assert smaller.n_bytes == SIZE

    asyncio.run(main())


def test_a_profile_that_another_gateway_made_is_found(tmp_path: Path) -> None:
    async def main() -> None:
        make, here, there = Maker(), cache(tmp_path), cache(tmp_path)
        await there.get("k", make("one"))
        entry, hit = await here.get("k", make("one"))
        assert (entry.speaker_id, hit, make.n, here.hits) == ("one", True, 1, 1)

    asyncio.run(main())


def test_profiles_are_forgotten_by_the_clips_they_were_made_of(tmp_path: Path) -> None:
    async def main() -> None:
        make, here, there = Maker(), cache(tmp_path), cache(tmp_path)
        await here.get("mine", make("a", b"clip", b"more"))
        await here.get("with-text", make("b", b"clip"))
        await here.get("other", make("c", b"other"))
        await there.get("elsewhere", make("d", b"another", b"more"))
        assert here.forget_sources([b"clip", b"more"]) == {"a", "b", "d"}
        assert keys(tmp_path) == {"other"}
        assert (len(here), here.n_bytes) == (1, SIZE)
        assert here.forget_sources([]) == set()

    asyncio.run(main())


@pytest.mark.parametrize("damage", [b"", b"\xff\xff\xff\xff", b"\x02\x00\x00\x00{}", b"no profile"])
def test_damaged_files_are_removed_and_made_anew(tmp_path: Path, damage: bytes) -> None:
    async def main() -> None:
        (tmp_path / "k.profile").write_bytes(damage)
        make, here = Maker(), cache(tmp_path)
        assert (len(here), keys(tmp_path)) == (0, set())
        assert not (await here.get("k", make("one")))[1]
        assert keys(tmp_path) == {"k"}

    asyncio.run(main())


def test_a_disk_without_room_keeps_nobody_from_speaking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def main() -> None:
        make, here = Maker(), cache(tmp_path)
        monkeypatch.setattr("services.tts.profiles.os.replace", full)
        assert not (await here.get("k", make("one")))[1]
        assert (await here.get("k", make("one")))[1]
        assert await here.load("one") is None
        assert not list(tmp_path.iterdir())

    asyncio.run(main())
