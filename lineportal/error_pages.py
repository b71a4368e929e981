"""The page of an error while debugging: as Django's, without phone numbers, ids and secrets."""

from __future__ import annotations

from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter

from lineportal import logs


class MaskedReport(ExceptionReporter):
    """Masks the whole report, as variables, forms and messages may all hold a number."""

    def get_traceback_html(self) -> SafeString:
        return mark_safe(logs.masked(super().get_traceback_html()))  # noqa: S308 - Django escaped it

    def get_traceback_text(self) -> SafeString:
        return mark_safe(logs.masked(super().get_traceback_text()))  # noqa: S308 - plain text
