"""What Infobip documents of its two send requests, and how a request fails them.

`POST /line/1/messages` (official notifications) and `POST /line-oa/1/messages` (LINE OA).
https://www.infobip.com/docs/api/channels/line
"""

from __future__ import annotations

from typing import Any

from lineportal.simulator.clock import DAY
from lineportal.simulator.infobip_bubble import (
    FREE,
    LATITUDE,
    LON_CONTAINER,
    LONGITUDE,
    OA_ACTION,
    OA_CONTAINER,
    URL,
)
from lineportal.simulator.shapes import (
    Shape,
    Violations,
    anything,
    flag,
    instant,
    listed,
    number,
    read_instant,
    record,
    text,
    variant,
    whole,
    word,
)

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
UNITS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3_600}
FURTHEST_AHEAD = 180 * DAY

_ALT_TEXT = text(most=400)
_NAME = text(least=1)
_FILLED = text(least=1)
_TIME = record({"hour": whole(0, 23), "minute": whole(0, 59)}, "hour", "minute")
_WINDOW = record({"days": listed(word(*WEEKDAYS), least=1), "from": _TIME, "to": _TIME}, "days")
_VALIDITY = record({"amount": whole(1), "timeUnit": word(*UNITS)}, "amount")
_FAILOVER: dict[str, Shape] = {
    "sender": FREE,
    "text": FREE,
    "validityPeriod": _VALIDITY,
    "regional": anything,
}
_PAIR = record({"initial": FREE, "failover": FREE}, "initial", "failover")
_LON_FAILOVER = record(_FAILOVER, "text")
_OA_FAILOVER = record({**_FAILOVER, "destinationMatching": listed(_PAIR)}, "text")
_PLATFORM = record({"entityId": text(most=255), "applicationId": text(most=255)})
_WEBHOOKS = record(
    {
        "delivery": record({"url": FREE, "intermediateReport": flag, "notify": flag}),
        "contentType": word("application/json", "application/xml"),
        "callbackData": text(most=4_000),
    }
)
_SCHEDULE = record(
    {
        "bulkId": text(most=100),
        "sendAt": instant,
        "sendingSpeedLimit": record(
            {"amount": whole(1), "timeUnit": word("MINUTE", "HOUR", "DAY")}, "amount"
        ),
    }
)


def _options(failover: Shape) -> Shape:
    return record(
        {
            "platform": _PLATFORM,
            "validityPeriod": _VALIDITY,
            "deliveryTimeWindow": _WINDOW,
            "campaignReferenceId": text(most=255),
            "smsFailover": failover,
        }
    )


def _message(to: Shape, content: Shape, failover: Shape, **more: Shape) -> Shape:
    destination = record({"to": to, "messageId": text(most=200)}, "to")
    return record(
        {
            "sender": _NAME,
            "destinations": listed(destination, least=1),
            "content": content,
            "options": _options(failover),
            "webhooks": _WEBHOOKS,
            **more,
        },
        "sender",
        "destinations",
        "content",
    )


def _request(message: Shape, **options: Shape) -> Shape:
    return record(
        {
            "messages": listed(message, least=1),
            "options": record({"schedule": _SCHEDULE, **options}),
        },
        "messages",
    )


def _content(**fields: Shape) -> Shape:
    return record({"type": FREE, **fields}, *fields)


_NOTIFICATION = variant({"LINE_NOTIFICATION": _content(altText=_ALT_TEXT, contents=LON_CONTAINER)})
_DIGITS = text(like=r"[1-9][0-9]{6,14}", hint="must be a number in E.164 format, digits only")
_ACTIONS = listed(OA_ACTION, least=1, most=4)
_IMAGE_STYLE: dict[str, Shape] = {
    "imageAspectRatio": word("RECTANGLE", "SQUARE"),
    "imageSize": word("COVER", "CONTAIN"),
}
_COLUMN: dict[str, Shape] = {
    "thumbnailImageUrl": URL,
    "imageBackgroundColor": FREE,
    "title": text(most=40),
    "defaultAction": OA_ACTION,
}
_TEMPLATE = variant(
    {
        "BUTTONS": record(
            {
                "type": FREE,
                **_COLUMN,
                **_IMAGE_STYLE,
                "text": text(most=160),
                "actions": _ACTIONS,
            },
            "text",
            "actions",
        ),
        "CONFIRM": _content(text=text(most=240), actions=listed(OA_ACTION, least=2, most=2)),
        "CAROUSEL": record(
            {
                "type": FREE,
                **_IMAGE_STYLE,
                "columns": listed(
                    record(
                        {
                            **_COLUMN,
                            "text": text(most=120),
                            "actions": listed(OA_ACTION, least=1, most=3),
                        },
                        "text",
                        "actions",
                    ),
                    least=1,
                    most=10,
                ),
            },
            "columns",
        ),
        "IMAGE_CAROUSEL": _content(
            columns=listed(
                record({"imageUrl": URL, "action": OA_ACTION}, "imageUrl", "action"),
                least=1,
                most=10,
            )
        ),
    }
)
_PIXELS = whole(0)
_AREA = record(dict.fromkeys(("x", "y", "width", "height"), _PIXELS), "x", "y", "width", "height")
_IMAGEMAP_ACTION = variant(
    {
        "URI": _content(linkUri=URL, area=_AREA),
        "MESSAGE": _content(text=text(most=400), area=_AREA),
    }
)
_LINK = record({"linkUri": URL, "label": text(most=30)})
_VIDEO = record(
    {"originalContentUrl": URL, "previewImageUrl": URL, "area": _AREA, "externalLink": _LINK}
)


def _duration(value: Any, where: str, found: Violations) -> None:
    # The schema says ISO 8601, the specification's own sample a number of milliseconds.
    if isinstance(value, str):
        text(like=r"PT(\d+H)?(\d+M)?(\d+(\.\d+)?S)?", hint="must be a duration such as PT1M30S")(
            value, where, found
        )
    else:
        number(0, 1e12)(value, where, found)


_PARTS: dict[str, Shape] = {
    "TEXT": _content(text=text(most=5_000)),
    "IMAGE": _content(url=URL, thumbnailUrl=URL),
    "VIDEO": _content(url=URL, thumbnailUrl=URL),
    "AUDIO": _content(url=URL, duration=_duration),
    "STICKER": _content(packageId=_FILLED, stickerId=_FILLED),
    "LOCATION": _content(title=_FILLED, address=_FILLED, latitude=LATITUDE, longitude=LONGITUDE),
    "IMAGEMAP": record(
        {
            "type": FREE,
            "baseUrl": URL,
            "altText": _ALT_TEXT,
            "baseSize": record({"width": _PIXELS, "height": _PIXELS}, "width", "height"),
            "actions": listed(_IMAGEMAP_ACTION, least=1, most=50),
            "video": _VIDEO,
        },
        "baseUrl",
        "altText",
        "baseSize",
        "actions",
    ),
    "TEMPLATE": _content(altText=_ALT_TEXT, template=_TEMPLATE),
    "FLEX": _content(altText=_ALT_TEXT, contents=OA_CONTAINER),
}
_MULTIPART = record({"type": FREE, "parts": listed(variant(_PARTS), least=1, most=5)})
_QUICK_REPLY = record(
    {
        "items": listed(
            record({"type": word("ACTION"), "action": OA_ACTION, "imageUrl": URL}, "action"),
            most=13,
        )
    },
    "items",
)

_SHAPES = {
    "line": _request(_message(_DIGITS, _NOTIFICATION, _LON_FAILOVER)),
    "line-oa": _request(
        _message(
            text(least=1),
            variant({**_PARTS, "MULTIPART": _MULTIPART}),
            _OA_FAILOVER,
            replyToken=FREE,
            quickReply=_QUICK_REPLY,
        ),
        priority=word("HIGH", "STANDARD", "LOW"),
    ),
}


def violations(service: str, body: Any, *, strict: bool, at: float) -> list[tuple[str, str]]:
    """Return what is wrong with the request; `service` is line or line-oa."""
    found = Violations(strict)
    _SHAPES[service](body, "", found)
    if found.found:
        return found.found  # what follows reads fields that have been found right
    send_at = read_instant(((body.get("options") or {}).get("schedule") or {}).get("sendAt"))
    if send_at is not None and send_at > at + FURTHEST_AHEAD:
        found.add("options.schedule.sendAt", "must not be more than 180 days ahead")
    for n, message in enumerate(body["messages"]):
        window = (message.get("options") or {}).get("deliveryTimeWindow")
        if window:
            _check_window(window, f"messages[{n}].options.deliveryTimeWindow", found)
    return found.found


def _check_window(window: dict[str, Any], where: str, found: Violations) -> None:
    opens, closes = window.get("from"), window.get("to")
    if (opens is None) != (closes is None):
        found.add(where, "from and to must both be given, or neither")
    elif opens and closes:
        minutes = [60 * t["hour"] + t["minute"] for t in (opens, closes)]
        if (minutes[1] - minutes[0]) % 1_440 < 60:
            found.add(where, "from and to must be at least one hour apart")
