"""Slots of a road as one process holds them: in order, in time, and lost when they have passed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from lineportal.sending.slots import GRACE_SECONDS, HeldSlots, Run

STEP = 0.01  # a hundred a second


class Road:
    """A road whose slots follow each other; the clock is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.next_at = 100.0
        self.is_held_back = False

    async def renew(self, count: int) -> Run | None:
        if self.is_held_back:
            return None
        first = max(self.next_at, self.now)
        self.next_at = first + count * STEP
        return Run(first, STEP, count)

    def held(self) -> HeldSlots:
        return HeldSlots(lambda: self.now, self.renew)


def test_slots_are_used_in_their_order() -> None:
    road = Road()
    held = road.held()

    moments = asyncio.run(held.take(3)) + asyncio.run(held.take(2))

    assert [round(moment - 100, 6) for moment in moments] == [0, 0.01, 0.02, 0.03, 0.04]


def test_the_next_moment_counts_those_that_are_about_to_be_taken() -> None:
    road = Road()
    held = road.held()

    assert asyncio.run(held.next_at(0, 5)) == 100
    assert round(asyncio.run(held.next_at(3, 5)) or 0, 6) == 100.03
    assert round(asyncio.run(held.next_at(5, 5)) or 0, 6) == 100.05  # the next ones, reserved now


def test_a_slot_that_has_passed_is_lost_and_another_reserved() -> None:
    road = Road()
    held = road.held()
    asyncio.run(held.next_at(0, 10))
    road.now += 0.2

    moments = asyncio.run(held.take(10))

    assert moments[0] >= road.now
    assert len(moments) == 10


def test_what_was_reserved_at_another_pace_is_let_go() -> None:
    road = Road()
    held = road.held()
    asyncio.run(held.next_at(0, 10))
    held.clear()
    road.next_at = 105.0  # the provider said: not before

    assert asyncio.run(held.take(1)) == [105.0]


def test_a_road_that_is_held_back_gives_nothing() -> None:
    road = Road()
    held = road.held()
    first = asyncio.run(held.take(2))
    road.is_held_back = True

    assert len(first) == 2
    assert asyncio.run(held.take(2)) == []
    assert asyncio.run(held.next_at(0, 2)) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 20), st.floats(0, 0.3)), min_size=1, max_size=60
    )
)
def test_however_late_the_processes_are_no_window_holds_more_than_its_slots(
    steps: list[tuple[int, int, float]],
) -> None:
    """Three processes on one road, each as late as it likes."""
    road = Road()
    processes = [road.held() for _n in range(3)]
    posts: list[float] = []
    for process, count, pause in steps:
        moments = asyncio.run(processes[process].take(count))
        assert all(moment >= road.now - GRACE_SECONDS - 1e-9 for moment in moments)
        posts += [max(moment, road.now) for moment in moments]
        road.now += pause

    assert most_within(1.0, sorted(posts)) <= (1.0 + GRACE_SECONDS) / STEP + 1


def most_within(seconds: float, posts: Iterable[float]) -> int:
    posts = list(posts)
    most = begin = 0
    for end, post in enumerate(posts):
        while post - posts[begin] >= seconds:
            begin += 1
        most = max(most, end - begin + 1)
    return most
