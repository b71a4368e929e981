"""The providers we can send through. Adding one is its file and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from lineportal.providers.base import Provider
from lineportal.providers.eight_by_eight import EightByEightProvider
from lineportal.providers.infobip import InfobipProvider
from lineportal.providers.line import LineProvider

PROVIDERS: Mapping[str, type[Provider]] = {
    each.name: each
    for each in (
        LineProvider,
        InfobipProvider,
        EightByEightProvider,
    )
}
