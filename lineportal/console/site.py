"""The console's admin site, and its pages that belong to no model's list."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from lineportal.console import (
    conversation_files,
    conversation_page,
    conversations_desk,
    friends_page,
    link_file_page,
    review_desk,
    template_thread,
)


class ConsoleSite(UnfoldAdminSite):  # type: ignore[misc]
    index_title = _("Overview")

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            *review_desk.urls(self),
            *template_thread.urls(self),
            *conversations_desk.urls(self),
            *conversation_page.urls(self),
            *conversation_files.urls(self),
            *friends_page.urls(self),
            *link_file_page.urls(self),
            *super().get_urls(),
        ]
