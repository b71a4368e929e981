"""The console's admin site."""

from __future__ import annotations

from unfold.sites import UnfoldAdminSite


class ConsoleSite(UnfoldAdminSite):
    pass
