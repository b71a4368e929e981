"""Builders of rows for tests, on factory_boy; each goes through the product's own acts."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any

import factory
from django.contrib.auth.models import Group, User
from django.db import connection

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import opening
from recipients import intake
from recipients.models import Recipient, Source
from templates_app import drafting, workflow
from templates_app.models import MessageTemplate
from tests.line import CHANNEL, SECRET

PARCEL: dict[str, Any] = {
    "title": "พัสดุของคุณมาถึงแล้ว",
    "company": "ไทยขนส่ง",
    "greeting": "เรียน คุณ{{name}}",
    "emphasis": {"label": "เลขพัสดุ", "value": "{{tracking_no}}"},
    "items": [{"label": "จาก", "value": "{{parcel_from}}"}],
    "buttons": [{"label": "ติดตามพัสดุ", "url": "https://example.com/t/{{tracking_no}}"}],
}
# Drafts are older than whatever a test does with them: a version's history runs forward.
WRITTEN_AT = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
VALUES = {"name": "สมชาย ใจดี", "tracking_no": "TH012345678", "parcel_from": "ร้านดอกไม้"}


class UserFactory(factory.django.DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    is_staff = True


def user(*roles: str, **details: Any) -> User:
    """Return a user in the groups of these roles."""
    made: User = UserFactory(**details)
    made.groups.set(Group.objects.filter(name__in=roles))
    return made


def superuser() -> User:
    made: User = UserFactory(is_superuser=True)
    return made


def account(slug: str = "thai-post", **details: Any) -> OfficialAccount:
    """Return an Official Account of Thailand on LINE direct, both services."""
    given = {
        "channel_id": details.pop("channel", CHANNEL),
        "channel_secret": details.pop("secret", SECRET),
    }
    return opening.open_account(
        **{
            "slug": slug,
            "name": slug.title(),
            "country": "TH",
            "provider": "line",
            "given": given,
            "at": datetime.now(UTC),
            "by": None,
            **details,
        }
    )


def draft(
    of: OfficialAccount, *, key: str = "parcel", by: User | None = None, **details: Any
) -> MessageTemplate:
    """Return a draft; the Thai parcel notification unless told otherwise."""
    return drafting.create(
        of,
        **{
            "key": key,
            "service": "lon",
            "language": "th",
            "purpose": "Tell the receiver that a parcel has arrived",
            "content": PARCEL,
            "by": by or user("author"),
            "at": WRITTEN_AT,
            **details,
        },
    )


def approved(of: OfficialAccount, **details: Any) -> MessageTemplate:
    """Return a template that went the whole way: written, submitted, approved by another."""
    template = draft(of, **details)
    at = datetime.now(UTC)
    template = workflow.submit(template, by=user("author"), at=at)
    return workflow.approve(
        template,
        by=user("reviewer"),
        at=at,
        line_reference="LINE-2026-0001",
        line_decided_on=date(2026, 11, 1),
    )


def two_way(of: OfficialAccount, **details: Any) -> MessageTemplate:
    """Return an approved two-way text template."""
    return approved(
        of,
        **{
            "key": "news",
            "service": "oa",
            "content": {"text": "สวัสดี {{name}}"},
            **details,
        },
    )


def worker_seen(at: datetime) -> None:
    """Have a worker on record that gave its last sign of life then."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s)", [at])


def pass_by(moment: datetime) -> None:
    """Wait until a moment a second ahead is over."""
    while datetime.now(UTC) <= moment:
        time.sleep(0.05)


def phone(n: int) -> str:
    """Return the n-th of 100,000 valid Thai mobile numbers."""
    return f"+668123{n:05d}"


def user_id(n: int) -> str:
    return f"U{n:032x}"


def recipient(of: OfficialAccount, n: int = 0, **details: Any) -> Recipient:
    """Return the n-th person of an account: phone, LINE user id and values for the templates."""
    return intake.add(
        of,
        intake.Details(
            **{
                "phone": phone(n),
                "line_user_id": user_id(n),
                "attributes": VALUES,
                **details,
            }
        ),
        by=user("sender"),
        at=datetime.now(UTC),
        source=Source.API,
    )
