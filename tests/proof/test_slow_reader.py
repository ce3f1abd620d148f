from tests.proof import slow_reader
from tests.proof.conftest import Doors


def test_slow_readers_hold_neither_the_engine_nor_anybody_else(doors: Doors) -> None:
    figures = slow_reader.run(doors.gateway, doors.inference, n_readers=4, n_sentences=6)
    assert not figures.losses, figures
