"""Rows that the guards' tests begin with."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User

from lineportal.accounts.models import OfficialAccount
from lineportal.sending import campaigns
from lineportal.sending.models import Campaign
from templates_app import workflow
from templates_app.models import MessageTemplate
from tests import factories


@pytest.fixture
def account(db: None) -> OfficialAccount:
    return factories.account()


@pytest.fixture
def submitted(account: OfficialAccount, author: User, at: datetime) -> MessageTemplate:
    return workflow.submit(factories.draft(account, by=author), by=author, at=at)


@pytest.fixture
def approved(account: OfficialAccount) -> MessageTemplate:
    return factories.approved(account)


@pytest.fixture
def campaign(approved: MessageTemplate, sender: User, at: datetime) -> Campaign:
    """A running campaign with one queued message."""
    factories.recipient(approved.account)
    made = campaigns.create(approved.account, template=approved, name="November", by=sender, at=at)
    return campaigns.start(made, by=sender, at=at)


@pytest.fixture
def other_account(db: None) -> OfficialAccount:
    return factories.account("other", channel="2000000002")
