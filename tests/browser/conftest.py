"""A real Chromium, Debian's; where it is missing, CI fails and others are told."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser; it ends with its tests, since Playwright keeps a loop running in this thread."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        sentence = "BROWSER TESTS DID NOT RUN: install Chromium (Debian: apt-get install chromium)."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        warnings.warn(sentence, stacklevel=1)
        pytest.skip(sentence)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def outside() -> list[str]:
    """The addresses outside our own host that pages asked for."""
    return []


@pytest.fixture(params=[1280, 375], ids=["desktop", "phone"])
def page(
    request: pytest.FixtureRequest,
    chromium: Browser,
    live_server: LiveServer,
    outside: list[str],
) -> Iterator[Page]:
    """A page that is not logged in yet; it fails the test when it asks another host."""
    context = chromium.new_context(
        viewport={"width": request.param, "height": 900},
        base_url=live_server.url,
        java_script_enabled=getattr(request, "script", True),
    )
    shown = context.new_page()
    shown.on(
        "request",
        lambda sent: (
            None if sent.url.startswith((live_server.url, "data:")) else outside.append(sent.url)
        ),
    )
    yield shown
    context.close()
    assert outside == []
