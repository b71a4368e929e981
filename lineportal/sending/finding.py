"""Which messages a text names: by number, by delivery tag, or by whom they went to."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from lineportal.sending.models import Attempt
from recipients import finding
from recipients.models import Recipient

_MOST_PEOPLE = 100  # one phone number has one person per account


def messages(text: str) -> Q:
    """Return the condition on messages that a text from a search box names.

    A number, a delivery tag or retry key (of an earlier attempt too), or a whole phone number or
    LINE user id.
    """
    people = Recipient.objects.filter(finding.by_address(text)).values_list("pk", flat=True)
    pks = [pk for pk in [finding.number(text)] if pk is not None]
    tags = [tag for tag in [_tag(text)] if tag is not None]
    if tags:
        pks += Attempt.objects.filter(reference__in=tags).values_list("message_id", flat=True)
    # Looked up first, so that the database knows how few there are.
    named = Q(recipient__in=list(people[:_MOST_PEOPLE])) | Q(reference__in=tags)
    return named | Q(pk__in=pks)


def _tag(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None
