"""How many characters a key may have spoken in a day (UTC), written down: a restart forgives nothing."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import BigInteger, Column, String, Table, delete, insert, update
from sqlalchemy.exc import IntegrityError

from comps.cores import exchange
from comps.cores.errors import QuotaExceeded
from comps.cores.keys.key import ApiKey
from services.tts.jobs.connection import Database
from services.tts.jobs.schema import metadata

DAY_SECONDS = 86_400

key_usage = Table(
    "key_usage",
    metadata,
    Column("key", String(64), primary_key=True),  # the digest: a new key of an old name begins anew
    Column("day", BigInteger, primary_key=True),  # since 1970
    Column("characters", BigInteger, nullable=False),
)


class Quotas:
    """All gateways on one database count together."""

    def __init__(
        self, database: Database, registry: CollectorRegistry, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._clock = clock
        self._characters = Counter(
            "tts_characters_total", "Characters accepted to be spoken, by key", ["key"], registry=registry
        )

    @asynccontextmanager
    async def charged(self, text: str) -> AsyncIterator[None]:
        """Charge the caller for a text; it is given back if what happens inside fails.

        Raises `QuotaExceeded`.
        """
        here = exchange.current.get()
        caller = here.caller if here else None
        n = len(text)
        if caller is not None and caller.characters_a_day is not None:
            await self._charge(caller, caller.characters_a_day, n)
        try:
            yield
        except BaseException:
            if caller is not None and caller.characters_a_day is not None:
                await self._give_back(caller, n)
            raise
        self._characters.labels(caller.name if caller else "").inc(n)

    async def _charge(self, caller: ApiKey, quota: int, n: int) -> None:
        # Twice, if another gateway wrote the day's first row meanwhile.
        if n <= quota and (await self._add(caller, quota, n) or await self._add(caller, quota, n)):
            return
        raise QuotaExceeded(
            f"{caller.name!r} may have {quota} characters spoken a day; with the {n} of this text it is more",
            retry_after=DAY_SECONDS - self._clock() % DAY_SECONDS,
        )

    async def _add(self, caller: ApiKey, quota: int, n: int) -> bool:
        used = key_usage.c
        here = (used.key == caller.sha256) & (used.day == self._today())
        within = update(key_usage).where(here, used.characters + n <= quota)
        first = insert(key_usage).values(key=caller.sha256, day=self._today(), characters=n)
        try:
            async with self._database.writing() as connection:
                if (await connection.execute(within.values(characters=used.characters + n))).rowcount:
                    return True
                await connection.execute(first)
                await connection.execute(delete(key_usage).where(used.day < self._today() - 1))
                return True
        except IntegrityError:  # there is a row: the quota would be exceeded
            return False

    async def _give_back(self, caller: ApiKey, n: int) -> None:
        used = key_usage.c
        here = (used.key == caller.sha256) & (used.day == self._today()) & (used.characters >= n)
        async with self._database.writing() as connection:
            await connection.execute(update(key_usage).where(here).values(characters=used.characters - n))

    def _today(self) -> int:
        return int(self._clock() // DAY_SECONDS)
