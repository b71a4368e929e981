"""What an account is set up with at Infobip, and what of that can be looked at beforehand."""

from __future__ import annotations

from collections.abc import Mapping

from lineportal.providers import inbound
from lineportal.providers.base import BadCredentials, Check, Setting

AUTO, PUSHED, PULLED = "auto", "pushed", "pulled"
STYLE_SAID, STYLE_LEFT_OUT = "said", "left_out"

SETTINGS = (
    Setting(
        "api_key",
        "API key",
        is_required=True,
        help="Of the portal's account at Infobip, with the scope message:send.",
    ),
    Setting(
        "sender",
        "Sender",
        is_required=True,
        is_secret=False,
        help="The Official Account's id as Infobip has registered it.",
    ),
    *inbound.SETTINGS,
    Setting(
        "reports",
        "Delivery reports",
        is_secret=False,
        default=AUTO,
        choices=(AUTO, PUSHED, PULLED),
        help="auto: fetched where no webhook credentials are set. A report is given once:"
        " nobody else may fetch reports with the same key.",
    ),
    Setting(
        "report_url",
        "Address for reports",
        is_secret=False,
        pattern="https?://.+",
        help="Said with every message; empty: the subscription set up at Infobip decides.",
    ),
    Setting(
        "batch_size",
        "Messages in one request",
        is_secret=False,
        default="50",
        pattern="[1-9][0-9]{0,2}",
        help="From 1 to 999. Infobip documents no limit.",
    ),
    Setting(
        "validity_hours",
        "Hours a message stays valid",
        is_secret=False,
        default="24",
        pattern="[1-9]|1[0-9]|2[0-4]",
        help="From 1 to 24: after that a message counts as not delivered.",
    ),
    Setting(
        "button_style",
        "Style of buttons in notifications",
        is_secret=False,
        default=STYLE_SAID,
        choices=(STYLE_SAID, STYLE_LEFT_OUT),
        help="Infobip's specification contradicts itself here; left_out if it refuses them.",
    ),
)


def check(credentials: Mapping[str, str]) -> None:
    """Raise BadCredentials where webhooks are set up by halves, or reports could never come."""
    inbound.check_settings(credentials)
    if credentials.get("reports") == PUSHED and not inbound.is_set(credentials):
        raise BadCredentials(
            "Reports can be pushed only where webhook_user and webhook_password, or"
            " webhook_hmac_secret and webhook_hmac_header, are set: others are turned away."
        )


def are_pulled(given: Mapping[str, str]) -> bool:
    """Return whether reports are to be fetched."""
    return given["reports"] == PULLED or (given["reports"] == AUTO and not inbound.is_set(given))


def checks(given: Mapping[str, str], *, service: str, webhook_url: str) -> list[Check]:
    """Return what can be said of sender, webhooks and reports without asking Infobip."""
    found = [
        Check(
            "sender",
            None,
            "Infobip has no call that shows whether it knows the sender; the first message does.",
        )
    ]
    if inbound.is_set(given):
        how = "an HMAC signature" if given.get("webhook_hmac_secret") else "user name and password"
        found.append(Check("webhook", True, f"Webhooks to {webhook_url} are taken with {how}."))
    elif service == "oa":
        found.append(
            Check(
                "webhook",
                False,
                "Nothing tells who follows or blocks the account: set webhook_user and"
                f" webhook_password, and enter them with {webhook_url} at Infobip.",
            )
        )
    if are_pulled(given):
        found.append(Check("reports", True, "Delivery reports are fetched from Infobip."))
    else:
        where = "with every message" if given.get("report_url") else "in its subscription"
        found.append(
            Check(
                "reports",
                None,
                f"Delivery reports are pushed; Infobip is told where to {where}, and the first"
                " message shows whether they come.",
            )
        )
    return found
