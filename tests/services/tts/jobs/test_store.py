import asyncio
import itertools
import time

import pytest

from comps.cores.errors import JobStoreUnavailable, JobUnknown
from comps.cores.proto.jobs import JobState
from services.tts.jobs.connection import Database
from services.tts.jobs.store import JobStore
from tests.services.tts.jobs.stores import Side, job, run_with, run_with_two, side


def test_a_job_comes_back_as_it_was_written(database_url: str) -> None:
    async def scenario(here: Side) -> None:
        written = job(
            kind="transfer", warnings=["ä"], seed=2**63 - 1, clips=["a.clip"], problem={"status": 422}
        )
        assert await here.store.add(written)
        assert await here.store.get(written.id) == written

    run_with(database_url, scenario)


@pytest.mark.parametrize("job_id", ["none", "", "a\x00b", "x" * 1_000, "ü", "' OR 1=1 --"])
def test_an_unknown_job_is_unknown_whatever_it_is_called(database_url: str, job_id: str) -> None:
    async def scenario(here: Side) -> None:
        with pytest.raises(JobUnknown):
            await here.store.get(job_id)
        with pytest.raises(JobUnknown):
            await here.store.request_cancel(job_id)

    run_with(database_url, scenario)


def test_pages_go_from_the_newest_to_the_oldest_and_miss_nobody(database_url: str) -> None:
    async def scenario(here: Side) -> None:
        made = [job(created=float(n // 2)) for n in range(7)]  # some at the same moment
        for each in made:
            await here.store.add(each)
        found, before = [], None
        while page := await here.store.page(limit=2, before=before):
            found += page
            before = page[-1].created, page[-1].id
        assert [each.id for each in found] == [
            each.id for each in sorted(made, key=lambda each: (each.created, each.id), reverse=True)
        ]
        assert await here.store.page(limit=9, state=JobState.FAILED) == []

    run_with(database_url, scenario)


def test_the_queue_is_counted_and_served_in_order(database_url: str) -> None:
    async def scenario(here: Side) -> None:
        made = [job(created=float(n)) for n in (3, 1, 2)]
        for each in made:
            await here.store.add(each)
        assert [await here.store.queue_position(each) for each in made] == [2, 0, 1]
        assert await here.store.queue() == [made[1].id, made[2].id, made[0].id]
        claimed = [await here.store.claim(here.id) for _ in range(4)]
        assert [each and each.created for each in claimed] == [1.0, 2.0, 3.0, None]
        assert all(each.owner == here.id and each.attempts == 1 for each in claimed if each)
        assert (await here.store.counts())[JobState.RUNNING] == 3
        assert await here.store.n_queued() == 0

    run_with(database_url, scenario)


def test_gateways_that_claim_at_once_get_every_job_once(database_url: str) -> None:
    n_jobs = 40

    async def take(where: Side) -> list[str]:
        taken = []
        for _ in range(3 * n_jobs):  # PostgreSQL may skip a row that another is just taking
            if record := await where.store.claim(where.id):
                taken.append(record.id)
            elif await where.store.n_queued() == 0:
                break
        return taken

    async def main() -> None:
        async with side(database_url) as one, side(database_url) as two, side(database_url) as three:
            made = [job() for _ in range(n_jobs)]
            for each in made:
                await one.store.add(each)
            taken = await asyncio.gather(*(take(each) for each in (one, two, three, one, two)))
            assert sorted(itertools.chain(*taken)) == sorted(each.id for each in made)

    asyncio.run(main())


def test_a_gateway_that_was_taken_for_dead_claims_nothing(database_url: str) -> None:
    async def scenario(here: Side) -> None:
        await here.store.add(job())
        await here.membership.leave()
        assert await here.store.claim(here.id) is None
        await here.membership.join()
        assert await here.store.claim(here.id) is not None

    run_with(database_url, scenario)


def test_only_the_owner_can_tell_of_a_job_and_end_it_and_only_once(database_url: str) -> None:
    async def scenario(one: Side, other: Side) -> None:
        placed: list[str] = []
        await one.store.add(job())
        mine = await one.store.claim(one.id)
        assert mine is not None
        mine.segments_done = 3
        await one.store.save([mine])
        assert (await other.store.get(mine.id)).segments_done == 3
        theirs = await other.store.get(mine.id)
        theirs.owner, theirs.segments_done, theirs.state = other.id, 9, JobState.FAILED
        await other.store.save([theirs])
        assert not await other.store.release(theirs)
        assert not await other.store.finish(theirs, place=lambda: placed.append("theirs"))
        mine.state, mine.finished = JobState.SUCCEEDED, time.time()
        assert await one.store.finish(mine, place=lambda: placed.append("mine"))
        assert not await one.store.finish(mine, place=lambda: placed.append("again"))
        assert placed == ["mine"]
        assert await other.store.get(mine.id) == mine

    run_with_two(database_url, scenario)


def test_a_job_whose_file_cannot_be_placed_has_not_ended(database_url: str) -> None:
    def fail() -> None:
        raise RuntimeError

    async def scenario(here: Side) -> None:
        await here.store.add(job())
        mine = await here.store.claim(here.id)
        assert mine is not None
        mine.state = JobState.SUCCEEDED
        with pytest.raises(RuntimeError):
            await here.store.finish(mine, place=fail)
        assert (await here.store.get(mine.id)).state is JobState.RUNNING

    run_with(database_url, scenario)


def test_a_job_that_is_put_back_waits_as_if_it_had_never_run(database_url: str) -> None:
    async def scenario(here: Side) -> None:
        written = job()
        await here.store.add(written)
        mine = await here.store.claim(here.id)
        assert mine is not None
        mine.segments_done = 2
        await here.store.save([mine])
        assert await here.store.release(mine)
        assert await here.store.get(written.id) == written

    run_with(database_url, scenario)


def test_a_key_belongs_to_one_job_as_long_as_asking_again_gives_nothing_better(database_url: str) -> None:
    async def scenario(here: Side) -> None:
        endings = {
            JobState.SUCCEEDED: (None, True),
            JobState.CANCELLED: (None, False),
            JobState.FAILED: ({"status": 503}, False),
        }
        for state, (problem, is_kept) in [*endings.items(), (JobState.FAILED, ({"status": 422}, True))]:
            key = f"{state}-{is_kept}"
            first = job(idempotency_key=key, state=JobState.RUNNING, owner=here.id)
            assert await here.store.add(first)
            assert not await here.store.add(job(idempotency_key=key))
            assert (await here.store.with_key(key)) == first
            first.state, first.problem = state, problem
            assert await here.store.finish(first)
            assert (await here.store.with_key(key) is not None) is is_kept
            assert await here.store.add(job(idempotency_key=key)) is not is_kept
        assert await here.store.add(job())
        assert await here.store.add(job())  # any number of jobs without a key

    run_with(database_url, scenario)


def test_cancelling_ends_what_waits_and_asks_the_owner_of_what_runs(database_url: str) -> None:
    async def scenario(here: Side, there: Side) -> None:
        runs, waits = job(created=1.0), job(created=2.0, clips=["x"])
        await here.store.add(runs)
        await here.store.add(waits)
        assert await here.store.claim(here.id)
        cancelled = await there.store.request_cancel(waits.id)
        assert cancelled is not None
        assert cancelled.clips == ["x"]
        kept = await here.store.get(waits.id)
        assert (kept.state, kept.clips, kept.request) == (JobState.CANCELLED, [], {})
        assert await there.store.request_cancel(runs.id) is None
        assert await here.store.to_cancel(here.id) == [runs.id]
        assert await here.store.to_cancel(there.id) == []
        assert await there.store.request_cancel(waits.id) is None
        assert await here.store.claim(here.id) is None

    run_with_two(database_url, scenario)


def test_finished_jobs_go_when_they_are_too_old_or_too_many(database_url: str) -> None:
    async def scenario(here: Side) -> None:
        async def ended(created: float, finished: float) -> str:
            record = job(created=created, finished=finished, state=JobState.SUCCEEDED)
            await here.store.add(record)
            return record.id

        old, late = await ended(1.0, 2.0), await ended(1.5, 50.0)
        newer = [await ended(10.0 + n, 60.0) for n in range(3)]
        waiting = job(created=0.5)
        await here.store.add(waiting)
        assert {each.id for each in await here.store.prune(older_than=10.0, keep=10)} == {old}
        assert {each.id for each in await here.store.prune(older_than=10.0, keep=2)} == {late, newer[0]}
        kept = {each.id for each in await here.store.page(limit=10)}
        assert kept == {*newer[1:], waiting.id}
        assert await here.store.known([old, waiting.id]) == {waiting.id: JobState.QUEUED}
        assert await here.store.known([]) == {}

    run_with(database_url, scenario)


def test_those_that_were_listened_to_do_not_push_out_those_to_be_fetched(database_url: str) -> None:
    """A job's reply is still to come for; what was streamed has been heard."""

    async def scenario(here: Side) -> None:
        async def ended(created: float, respond_async: bool) -> str:
            record = job(
                created=created, finished=60.0, state=JobState.SUCCEEDED, respond_async=respond_async
            )
            await here.store.add(record)
            return record.id

        to_fetch = [await ended(1.0 + n, True) for n in range(3)]
        heard = [await ended(10.0 + n, False) for n in range(4)]
        removed = await here.store.prune(older_than=10.0, keep=2)
        assert {each.id for each in removed} == {to_fetch[0], *heard[:2]}

    run_with(database_url, scenario)


def test_a_database_that_is_away_is_a_clear_error_without_its_password() -> None:
    async def main(url: str) -> str:
        database = Database(url)
        with pytest.raises(JobStoreUnavailable) as caught:
            await database.open()
        with pytest.raises(JobStoreUnavailable):
            await JobStore(database).n_queued()
        await database.close()
        return str(caught.value)

    for url in ("sqlite:////nowhere/jobs.db", "postgresql://someone:secret@127.0.0.1:9/jobs"):
        assert "secret" not in asyncio.run(main(url))
