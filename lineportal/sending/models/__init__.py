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
from lineportal.sending.models.counting import (
    CountReading,
    CountState,
    DayCount,
    Incident,
    IncidentCode,
)
from lineportal.sending.models.followers import FriendSync
from lineportal.sending.models.forwarding import BotAnswer, Forward, Forwarding, ForwardState
from lineportal.sending.models.friend_count import FriendCount
from lineportal.sending.models.inbox import Polling, WebhookDelivery, WebhookEvent
from lineportal.sending.models.message import Attempt, Lease, Message, RequestKey
from lineportal.sending.models.quota import Quota
from lineportal.sending.models.retention import Retention
from lineportal.sending.models.saved import SavedAudience

__all__ = [
    "Attempt",
    "BotAnswer",
    "Campaign",
    "CampaignRow",
    "CountReading",
    "CountState",
    "DayCount",
    "Discrepancy",
    "Forward",
    "ForwardState",
    "Forwarding",
    "FriendCount",
    "FriendSync",
    "Incident",
    "IncidentCode",
    "Lease",
    "Message",
    "Pace",
    "Policy",
    "Polling",
    "Quota",
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
