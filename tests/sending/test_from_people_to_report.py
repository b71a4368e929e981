"""The main job through every room: people, template, campaign, worker, webhook, report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product

import pytest
from pytest_django.live_server_helper import LiveServer

from lineportal.sending import campaigns, inbox, receipts, reports
from lineportal.sending.models import Message
from tests import factories
from tests.line import Line

CONSENTS = ("agreed", "not_set", "rejected")
FRIENDS = ("friend", "not_friend", "blocked")

# The seed's table: first match wins, blocked, then rejected.
LON = {
    ("agreed", "friend"): ("delivered", ""),
    ("agreed", "not_friend"): ("delivered", ""),
    ("agreed", "blocked"): ("skipped", "blocked"),
    ("not_set", "friend"): ("expired", ""),
    ("not_set", "not_friend"): ("expired", ""),
    ("not_set", "blocked"): ("skipped", "blocked"),
    ("rejected", "friend"): ("skipped", "consent_rejected"),
    ("rejected", "not_friend"): ("skipped", "consent_rejected"),
    ("rejected", "blocked"): ("skipped", "blocked"),
}
OA = {
    (consent, friend): {
        "friend": ("accepted", ""),
        "not_friend": ("skipped", "not_friend"),
        "blocked": ("skipped", "blocked"),
    }[friend]
    for consent, friend in product(CONSENTS, FRIENDS)
}


@pytest.mark.parametrize(("service", "table"), [("lon", LON), ("oa", OA)])
def test_all_nine_combinations_end_as_the_table_says(
    service: str,
    table: dict[tuple[str, str], tuple[str, str]],
    live_server: LiveServer,
    line: Line,
    drain: Callable[[], None],
    at: datetime,
) -> None:
    account = factories.account(api_base_url=line.url)
    template = factories.approved(account) if service == "lon" else factories.two_way(account)
    line.channel(webhook_url=f"{live_server.url}/webhooks/line/{account.webhook_id}/")
    for n, (consent, friend) in enumerate(table):
        factories.recipient(account, n, consent=consent, friend_status=friend)
        line.people(
            {
                "phone": factories.phone(n),
                "line_user_id": factories.user_id(n),
                "consent": consent,
                "friend_status": friend,
                "when_asked": "silent",
            }
        )
    by = factories.user("sender")
    campaign = campaigns.create(account, template=template, name="nine", by=by, at=at)

    campaigns.start(campaign, by=by, at=at)
    drain()
    line.advance(25 * 3600)
    inbox.read(at=at)
    receipts.expire(at=at + timedelta(hours=25))

    ends = {
        (message.consent, message.friend_status): (message.status, message.rule)
        for message in Message.objects.filter(campaign=campaign)
    }
    assert ends == table
    written_to = sorted(request["phone"] for request in line.sends())
    assert written_to == sorted(
        factories.phone(n) for n, pair in enumerate(table) if table[pair][0] != "skipped"
    )
    report = reports.report(campaign, at=at)
    assert report.total == len(table)
    assert report.by_status == reports.statuses_from_rows(campaign)
    assert sum(report.by_rule.values()) == report.by_status["skipped"]
