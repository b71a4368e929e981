"""Campaigns, messages, what holds them back, and the inbox of what providers tell us."""

from lineportal.sending.models.campaign import (
    Campaign,
    CampaignRow,
    Discrepancy,
    StopCode,
    Stroke,
    Tally,
)
from lineportal.sending.models.control import Pace, Policy, Stop
from lineportal.sending.models.forwarding import BotAnswer, Forward, Forwarding, ForwardState
from lineportal.sending.models.inbox import WebhookDelivery, WebhookEvent
from lineportal.sending.models.message import Attempt, Lease, Message, RequestKey
from lineportal.sending.models.retention import Retention
from lineportal.sending.models.saved import SavedAudience

__all__ = [
    "Attempt",
    "BotAnswer",
    "Campaign",
    "CampaignRow",
    "Discrepancy",
    "Forward",
    "ForwardState",
    "Forwarding",
    "Lease",
    "Message",
    "Pace",
    "Policy",
    "RequestKey",
    "Retention",
    "SavedAudience",
    "Stop",
    "StopCode",
    "Stroke",
    "Tally",
    "WebhookDelivery",
    "WebhookEvent",
]
