"""The name under which LINE counts a template: stable, short, and no two templates' alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineportal.sending.drawing import unit_name
from templates_app.models import MessageTemplate


def named(key: str, version: int = 1) -> str:
    return unit_name(MessageTemplate(key=key, version=version))


@pytest.mark.parametrize(
    ("key", "version", "name"),
    [("parcel", 1, "parcel_v1"), ("order_shipped", 12, "order_shipped_v12")],
)
def test_a_key_that_line_takes_is_the_name(key: str, version: int, name: str) -> None:
    assert named(key, version) == name


@pytest.mark.parametrize(
    ("one", "other"), [("a-b", "a_b"), ("a-b", "a.b"), ("x" * 40, "x" * 41), ("พัสดุ", "ใบเสร็จ")]
)
def test_keys_that_would_look_the_same_do_not(one: str, other: str) -> None:
    assert named(one) != named(other)


@given(st.text(min_size=1, max_size=100), st.integers(1, 99_999))
def test_line_takes_every_name(key: str, version: int) -> None:
    assert re.fullmatch("[A-Za-z0-9_]{1,30}", named(key, version))
    assert named(key, version) == named(key, version)
