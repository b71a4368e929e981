"""How long a lane keeps its place in a worker process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from lineportal.sending import lanes, tasks, worker

TURNS = 3  # until nothing is due


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> tasks.Places:
    places = tasks.Places()
    places.most = 2
    monkeypatch.setattr(tasks, "places", places)
    return places


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what a lane does: turns, each with more to come but the third; wakes; ends."""
    done: list[str] = []

    async def drain(*_arguments: object) -> bool:
        done.append("turn")
        return done.count("turn") < TURNS

    async def in_database(function: Callable[..., Any], *_arguments: object) -> None:
        done.append("wakes" if function is lanes.wake_road else "ends")

    monkeypatch.setattr(worker, "drain", drain)
    monkeypatch.setattr(tasks, "in_database", in_database)
    return done


async def run(places: tasks.Places, jobs: int) -> None:
    """Run one lane beside other jobs."""
    others = asyncio.Event()

    async def other() -> None:
        await others.wait()

    async def lane() -> None:
        await tasks.drain_road.func(1, 0)

    context = worker_ = cast("Any", None)
    beside = [asyncio.create_task(places.count(other, context, worker_)) for _ in range(jobs)]
    await asyncio.sleep(0)
    await places.count(lane, context, worker_)
    others.set()
    await asyncio.gather(*beside)


def test_a_lane_goes_on_where_places_are_free(places: tasks.Places, turns: list[str]) -> None:
    asyncio.run(run(places, jobs=0))

    assert turns == ["turn"] * TURNS + ["ends"]


def test_a_lane_gives_way_where_the_last_place_is_taken(
    places: tasks.Places, turns: list[str]
) -> None:
    asyncio.run(run(places, jobs=1))

    assert turns == ["turn", "wakes"]


def test_a_lane_gives_way_when_the_process_is_told_to_stop(
    places: tasks.Places, turns: list[str]
) -> None:
    places.is_closing = True

    asyncio.run(run(places, jobs=0))

    assert turns == ["turn", "wakes"]
