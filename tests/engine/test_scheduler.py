"""Who is prefilled and who steps, as tables."""

import subprocess
import sys

from comps.gptsovits.engine.scheduler import LEISURE, Key, Plan, Scheduler
from comps.gptsovits.engine.slots import Slots


def scheduler(n_rows: int) -> Scheduler:
    return Scheduler(Slots(n_rows))


def planned(s: Scheduler) -> Plan:
    """The next plan, and what it admits is prefilled at once."""
    plan = s.plan()
    if plan.admit is not None:
        s.has_read(plan.admit)
    return plan


def admitted(s: Scheduler, n_plans: int = 50) -> list[Key]:
    return [plan.admit for plan in (planned(s) for _ in range(n_plans)) if plan.admit is not None]


def test_nothing_to_do_is_an_empty_plan() -> None:
    assert scheduler(2).plan() == Plan()


def test_one_sequence_is_admitted_a_plan_and_steps_from_the_next() -> None:
    s = scheduler(8)
    s.submit(1, range(2))
    first = planned(s)
    assert (first.admit, first.row, first.step) == (Key(1, 0), 0, ())
    second = planned(s)
    assert (second.admit, second.row, second.step) == (Key(1, 1), 1, (Key(1, 0),))


def test_sequences_of_different_requests_share_a_step() -> None:
    s = scheduler(4)
    s.submit(1, [0])
    s.submit(2, [0])
    assert admitted(s, 2) == [Key(1, 0), Key(2, 0)]
    assert planned(s).step == (Key(1, 0), Key(2, 0))


def test_a_finished_sequence_frees_its_row_for_the_next_in_line() -> None:
    s = scheduler(1)
    s.submit(1, [0])
    s.submit(2, [0])
    assert planned(s).admit == Key(1, 0)
    assert planned(s).admit is None
    s.finish(Key(1, 0))
    plan = planned(s)
    assert (plan.admit, plan.row) == (Key(2, 0), 0)


def test_a_lone_long_job_leaves_rows_for_newcomers() -> None:
    s = scheduler(8)
    s.submit(1, range(100))
    assert len(admitted(s)) == 6
    s.submit(2, [0])
    assert planned(s).admit == Key(2, 0)


def test_rows_are_shared_evenly_between_long_jobs() -> None:
    s = scheduler(8)
    for request in (1, 2):
        s.submit(request, range(100))
    owners = [key.request for key in admitted(s)]
    assert sorted(owners) == [1] * 4 + [2] * 4
    assert owners[:4] == [1, 2, 1, 2]


def test_more_requests_than_rows_are_served_in_order_of_arrival() -> None:
    s = scheduler(2)
    for request in (5, 3, 9):
        s.submit(request, [0])
    assert admitted(s) == [Key(5, 0), Key(3, 0)]
    s.finish(Key(3, 0))
    assert admitted(s) == [Key(9, 0)]


def test_a_request_without_audio_steps_every_time_and_a_long_job_every_third() -> None:
    s = scheduler(8)
    s.submit(1, range(100))
    admitted(s)
    s.pace(1, 30.0)
    s.submit(2, [0])
    planned(s)
    steps = [planned(s).step for _ in range(3 * LEISURE)]
    assert all(Key(2, 0) in step for step in steps)
    assert sum(Key(1, 0) in step for step in steps) == 3


def test_a_stream_that_runs_out_of_audio_is_pressed_again() -> None:
    s = scheduler(8)
    s.submit(1, range(100))
    s.submit(2, range(2))
    admitted(s)
    s.pace(1, 30.0)
    s.pace(2, 5.0)
    assert not s.is_pressed
    assert len(planned(s).step) == s.n_running
    s.pace(2, 0.2)
    assert s.is_pressed
    steps = [planned(s).step for _ in range(LEISURE)]
    assert sum(step == (Key(2, 0),) for step in steps) == LEISURE - 1


def test_of_a_pressed_request_the_earliest_segment_alone_is_hurried() -> None:
    s = scheduler(8)
    s.submit(1, range(3))
    admitted(s, 3)
    assert (Key(1, 0),) in [planned(s).step for _ in range(LEISURE)]
    s.finish(Key(1, 0))
    assert (Key(1, 1),) in [planned(s).step for _ in range(LEISURE)]


def test_nobody_starves_while_newcomers_keep_coming() -> None:
    s = scheduler(4)
    s.submit(0, [0])
    planned(s)
    s.pace(0, 60.0)
    steps = 0
    for newcomer in range(1, 60):
        s.submit(newcomer, [0])
        plan = planned(s)
        steps += Key(0, 0) in plan.step
        if newcomer > 2:
            s.drop(newcomer - 2)
    assert steps >= 59 // LEISURE


def test_a_dropped_request_leaves_no_trace() -> None:
    s = scheduler(2)
    s.submit(1, range(5))
    admitted(s)
    s.drop(1)
    assert s.is_idle
    assert s.n_running == 0
    assert planned(s) == Plan()
    s.submit(2, range(1))
    assert planned(s).admit == Key(2, 0)
    s.drop(7)


def test_a_restarted_sequence_is_the_first_to_come_back() -> None:
    s = scheduler(4)
    s.submit(1, range(9))
    admitted(s)
    s.restart(Key(1, 0))
    assert planned(s).admit == Key(1, 0)


def test_waiting_requests_are_those_of_which_nothing_has_run() -> None:
    s = scheduler(1)
    for request in (1, 2, 3):
        s.submit(request, [0])
    planned(s)
    assert (s.n_waiting_requests, s.n_running) == (2, 1)


def test_while_a_sequence_is_prefilled_the_others_step_and_nobody_else_is_admitted() -> None:
    s = scheduler(4)
    for request in (1, 2, 3):
        s.submit(request, [0])
    assert planned(s).admit == Key(1, 0)
    assert s.plan() == Plan(Key(2, 0), 1, (Key(1, 0),))
    assert [s.plan() for _ in range(4)] == [Plan(step=(Key(1, 0),))] * 4
    s.has_read(Key(2, 0))
    assert s.plan() == Plan(Key(3, 0), 2, (Key(1, 0), Key(2, 0)))


def test_a_newcomer_that_is_being_read_holds_up_no_one_who_is_not_pressed() -> None:
    s = scheduler(4)
    s.submit(1, [0])
    planned(s)
    s.pace(1, 30.0)
    s.submit(2, [0])
    assert s.plan().admit == Key(2, 0)
    assert all(s.plan().step == (Key(1, 0),) for _ in range(2 * LEISURE))


def test_a_request_that_is_dropped_while_it_is_read_makes_way_for_the_next() -> None:
    s = scheduler(1)
    s.submit(1, [0])
    s.submit(2, [0])
    assert s.plan().admit == Key(1, 0)
    s.drop(1)
    assert s.plan().admit == Key(2, 0)


def test_the_scheduler_imports_no_torch() -> None:
    code = "import sys, comps.gptsovits.engine.scheduler; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
