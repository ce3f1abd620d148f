import asyncio

from tests.proof import load
from tests.proof.conftest import Doors
from tests.proof.house import wait_for
from tests.proof.processes import holdings


def test_clients_that_come_and_go_cross_no_voices_and_leave_nothing_behind(doors: Doors) -> None:
    twins = load.twins_of(doors.gateway, n_seeds=1)
    before = holdings().descriptors
    figures = asyncio.run(load.run(doors.gateway, twins, n_clients=10, seconds=4.0))
    load.account(doors.gateway, doors.inference, doors.settings.output_path, figures)
    assert not figures.losses
    assert figures.outcomes["whole"] > 3
    assert figures.outcomes["hung up"] > 3
    wait_for(
        lambda: holdings().descriptors <= before + load.SPARE_DESCRIPTORS,
        seconds=15,
        what="the descriptors are closed",
    )
