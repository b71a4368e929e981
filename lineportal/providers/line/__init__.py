"""LINE direct: notification messages to phone numbers, two-way messages, and LINE's webhooks.

Facts: LINE Developers, "LINE notification messages API reference" and "Messaging API reference".
"""

from __future__ import annotations

from lineportal.providers.line.provider import LineProvider
from lineportal.providers.line.sends import phone_hash
from lineportal.providers.line.webhooks import signature

__all__ = ["LineProvider", "phone_hash", "signature"]
