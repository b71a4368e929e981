"""The pace of a road that nobody has used yet, whoever comes first."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from lineportal.accounts.models import Road
from lineportal.sending import pacing
from tests import factories


@pytest.mark.parametrize("seconds", [-0.5, -0.001, 0.0, 0.001, 30.0])
def test_who_reads_the_clock_just_before_the_first_one_gets_slots_too(
    db: None, at: datetime, seconds: float
) -> None:
    factories.account()
    road = Road.objects.get(service="oa")

    rate, _wait = pacing.outlook(road, at=at)  # makes the road's row, and takes nothing of it
    slots = pacing.reserve(road, wanted=1, at=at + timedelta(seconds=seconds))

    assert slots.count == 1
    assert rate == pytest.approx(road.rate_per_second * 0.97 / 3)
