import asyncio

import pytest

from comps.cores.errors import JobStoreUnavailable
from comps.cores.proto.jobs import JobState
from services.tts.jobs import connection
from services.tts.jobs.schema import jobs
from tests.services.tts.jobs.stores import LEASE_SECONDS, Side, job, run_with_two


def test_the_jobs_of_a_gateway_that_falls_silent_go_on_elsewhere(database_url: str) -> None:
    async def scenario(one: Side, other: Side) -> None:
        queued, heard = job(), job(respond_async=False, state=JobState.RUNNING, owner=one.id)
        await one.store.add(queued)
        await one.store.add(heard)
        mine = await one.store.claim(one.id)
        assert mine is not None
        mine.segments_done = 5
        await one.store.save([mine])

        assert await other.live(LEASE_SECONDS / 2) == []
        assert await other.store.claim(other.id) is None
        (failed,) = await other.live(LEASE_SECONDS)
        assert failed.id == heard.id
        told = await other.store.get(heard.id)
        assert (told.state, told.problem and told.problem["code"]) == (JobState.FAILED, "job_interrupted")
        taken = await other.store.claim(other.id)
        assert taken is not None
        assert (taken.id, taken.owner, taken.attempts, taken.segments_done) == (queued.id, other.id, 2, 0)

        # The silent one wakes: it learns that it is dead, and what it does to its old jobs is refused.
        assert not await one.membership.beat()
        mine.state = JobState.SUCCEEDED
        await one.store.save([mine])
        assert not await one.store.finish(mine)
        assert not await one.store.release(mine)
        assert await other.store.get(queued.id) == taken
        taken.state = JobState.SUCCEEDED
        assert await other.store.finish(taken)
        await one.membership.join()
        assert await one.membership.beat()

    run_with_two(database_url, scenario)


def test_a_gateway_that_says_that_it_lives_keeps_its_jobs(database_url: str) -> None:
    async def scenario(one: Side, other: Side) -> None:
        await one.store.add(job())
        mine = await one.store.claim(one.id)
        assert mine is not None
        for _ in range(8):
            await other.live(LEASE_SECONDS / 2)
            assert await one.membership.beat()
        assert await one.store.get(mine.id) == mine

    run_with_two(database_url, scenario)


def test_a_gateway_that_slept_itself_does_not_take_the_others_for_dead(database_url: str) -> None:
    async def scenario(one: Side, other: Side) -> None:
        await one.store.add(job())
        mine = await one.store.claim(one.id)
        assert mine is not None
        await other.live(LEASE_SECONDS / 2)
        other.clock.now += 10 * LEASE_SECONDS  # frozen, or its database was away
        assert await other.membership.watch() is None
        assert await other.live(LEASE_SECONDS / 2) == []
        assert await one.membership.beat()
        assert await one.store.get(mine.id) == mine

    run_with_two(database_url, scenario)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_gateway_that_freezes_within_a_transaction_does_not_hold_the_others(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_MILLISECONDS", 200)
    monkeypatch.setattr(connection, "FROZEN_MILLISECONDS", 2_000)  # opening takes less on any machine

    async def scenario(one: Side, other: Side) -> None:
        await one.store.add(job())
        mine = await one.store.claim(one.id)
        assert mine is not None

        async def freeze() -> None:
            async with one.store._database.writing() as frozen:
                await frozen.execute(jobs.update().values(segments_done=7))
                await one.membership.leave()
                with pytest.raises(JobStoreUnavailable):
                    await other.membership.watch()
                await asyncio.sleep(2.3)
                assert await other.membership.watch() == []
                await frozen.execute(jobs.update().values(segments_done=8))

        with pytest.raises(JobStoreUnavailable):  # the server has ended the session of the frozen one
            await freeze()
        taken = await other.store.claim(other.id)
        assert taken is not None
        assert (taken.id, taken.attempts, taken.segments_done) == (mine.id, 2, 0)

    run_with_two(database_url, scenario)


def test_a_gateway_that_leaves_keeps_nobody_waiting(database_url: str) -> None:
    async def scenario(one: Side, other: Side) -> None:
        await one.store.add(job())
        assert await one.store.claim(one.id)
        await one.membership.leave()
        assert await other.membership.watch() == []
        assert await other.store.claim(other.id)

    run_with_two(database_url, scenario)


def test_only_one_of_many_watchers_ends_what_a_dead_gateway_left(database_url: str) -> None:
    async def scenario(one: Side, other: Side) -> None:
        heard = job(respond_async=False, state=JobState.RUNNING, owner="gone")
        await one.store.add(heard)
        found = await asyncio.gather(*(each.membership.watch() for each in (one, other) * 4))
        assert [record.id for failed in found for record in failed or []] == [heard.id]

    run_with_two(database_url, scenario)
