"""Mail to people of the portal, by Django's mail backend: words and links, never a recipient."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.urls import reverse

from templates_app.models import MessageTemplate

_SUBJECT_LIMIT = 200  # characters


def write(to: User, subject: str, paragraphs: Sequence[str]) -> EmailMessage | None:
    """Return a mail of these paragraphs; None where the person has no address."""
    if not to.email:
        return None
    body = "\n\n".join(each for each in paragraphs if each)
    # A name may hold what would begin a header of its own.
    heading = " ".join(subject.split())[:_SUBJECT_LIMIT]
    return EmailMessage(heading, f"{body}\n", settings.DEFAULT_FROM_EMAIL, [to.email])


def template_link(template: MessageTemplate, place: str = "") -> str:
    """Return the address of a version's page, or of a place on it."""
    page = reverse("admin:templates_app_messagetemplate_change", args=[template.pk])
    return f"{settings.PUBLIC_URL}{page}{f'#{place}' if place else ''}"


def post(message: EmailMessage) -> None:
    """Send it; holds no connection to the database. Raises OSError, smtplib.SMTPException."""
    message.send()
