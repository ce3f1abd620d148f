import pytest

from comps.gptsovits.engine.slots import Slots


def test_the_lowest_free_row_is_handed_out_first() -> None:
    slots = Slots(3)
    assert [slots.take(name) for name in "abc"] == [0, 1, 2]
    slots.release("c")
    slots.release("a")
    assert slots.take("d") == 0
    assert slots.row("d") == 0


def test_no_row_is_handed_out_twice() -> None:
    slots = Slots(1)
    slots.take("a")
    with pytest.raises(LookupError):
        slots.take("b")
    with pytest.raises(LookupError):
        slots.take("a")


def test_releasing_what_holds_nothing_changes_nothing() -> None:
    slots = Slots(2)
    slots.release("nobody")
    assert slots.n_free == 2
