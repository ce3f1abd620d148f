import asyncio

import pytest

from tests.proof import load
from tests.proof.conftest import Doors
from tests.proof.house import wait_for
from tests.proof.processes import holdings

N_CLIENTS, MAX_ROUNDS = 10, 10


def test_clients_that_come_and_go_cross_no_voices_and_leave_nothing_behind(doors: Doors) -> None:
    twins = load.twins_of(doors.gateway, n_seeds=1)
    before = holdings().descriptors
    figures = load.Figures(N_CLIENTS)
    for salt in range(MAX_ROUNDS):  # a slow machine needs more of them
        one = asyncio.run(load.run(doors.gateway, twins, n_clients=N_CLIENTS, seconds=3.0, salt=salt))
        load.account(doors.gateway, doors.inference, doors.settings.output_path, one)
        figures.add(one)
        assert not figures.losses
        if min(figures.outcomes[each] for each in ("whole", "hung up")) > 3:
            break
    else:
        pytest.fail(f"too few replies to prove anything: {figures.outcomes}")

    def are_closed() -> bool:
        # The gateway lets go of connections that expired when it next asks the inference service something.
        load.is_quiet(doors.gateway, doors.inference)
        return holdings().descriptors <= before + load.SPARE_DESCRIPTORS

    wait_for(are_closed, seconds=60, what="the descriptors are closed")
