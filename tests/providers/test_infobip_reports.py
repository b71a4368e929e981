"""What Infobip's reports and inbound messages become: every status name there is, and others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineportal.providers.base import Event, FaultScope, Outcome, UnreadableWebhook
from lineportal.providers.infobip import InfobipProvider, statuses
from tests.providers.recorded import webhooks

ACCOUNT, TEMPLATE, MESSAGE = FaultScope.ACCOUNT, FaultScope.TEMPLATE, FaultScope.MESSAGE
REFERENCE = "0123456789abcdef0123456789abcdef"
USER = "U4af49806290000000000000000000000"
BODIES = webhooks("infobip")

# Infobip's table of general status codes: (group id, group, id, name), and what each becomes.
TABLE: list[tuple[int, str, int, str, str, FaultScope]] = [
    (1, "PENDING", 3, "PENDING_WAITING_DELIVERY", "accepted", MESSAGE),
    (1, "PENDING", 7, "PENDING_ENROUTE", "accepted", MESSAGE),
    (1, "PENDING", 26, "PENDING_ACCEPTED", "accepted", MESSAGE),
    (2, "UNDELIVERABLE", 4, "UNDELIVERABLE_REJECTED_OPERATOR", "refused", MESSAGE),
    (2, "UNDELIVERABLE", 9, "UNDELIVERABLE_NOT_DELIVERED", "refused", MESSAGE),
    (2, "UNDELIVERABLE", 31, "UNDELIVERABLE_NOT_SENT", "refused", MESSAGE),
    (3, "DELIVERED", 2, "DELIVERED_TO_OPERATOR", "accepted", MESSAGE),
    (3, "DELIVERED", 5, "DELIVERED_TO_HANDSET", "delivered", MESSAGE),
    (4, "EXPIRED", 15, "EXPIRED_EXPIRED", "expired", MESSAGE),
    (4, "EXPIRED", 29, "EXPIRED_DLR_UNKNOWN", "expired", MESSAGE),
    (4, "EXPIRED", 87, "SIGNALS_BLOCKED", "expired", MESSAGE),
    (5, "REJECTED", 6, "REJECTED_NETWORK", "refused", MESSAGE),
    (5, "REJECTED", 8, "REJECTED_PREFIX_MISSING", "refused", MESSAGE),
    (5, "REJECTED", 10, "REJECTED_DND", "refused", MESSAGE),
    (5, "REJECTED", 11, "REJECTED_SOURCE", "failed", ACCOUNT),
    (5, "REJECTED", 12, "REJECTED_NOT_ENOUGH_CREDITS", "failed", ACCOUNT),
    (5, "REJECTED", 13, "REJECTED_SENDER", "failed", ACCOUNT),
    (5, "REJECTED", 14, "REJECTED_DESTINATION_BLOCKLISTED", "refused", MESSAGE),
    (5, "REJECTED", 17, "REJECTED_PREPAID_PACKAGE_EXPIRED", "failed", ACCOUNT),
    (5, "REJECTED", 18, "REJECTED_DESTINATION_NOT_REGISTERED", "failed", ACCOUNT),
    (5, "REJECTED", 19, "REJECTED_ROUTE_NOT_AVAILABLE", "failed", ACCOUNT),
    (5, "REJECTED", 20, "REJECTED_FLOODING_FILTER", "failed", MESSAGE),
    (5, "REJECTED", 21, "REJECTED_SYSTEM_ERROR", "failed", MESSAGE),
    (5, "REJECTED", 23, "REJECTED_DUPLICATE_MESSAGE_ID", "accepted", MESSAGE),
    (5, "REJECTED", 24, "REJECTED_INVALID_UDH", "failed", TEMPLATE),
    (5, "REJECTED", 25, "REJECTED_MESSAGE_TOO_LONG", "failed", TEMPLATE),
    (5, "REJECTED", 51, "MISSING_TO", "failed", MESSAGE),
    (5, "REJECTED", 52, "REJECTED_DESTINATION", "refused", MESSAGE),
    (5, "REJECTED", 87, "SIGNALS_BLOCKED", "failed", MESSAGE),
    (5, "REJECTED", 100, "UNDELIVERABLE_REJECTED_PLATFORM", "failed", MESSAGE),
    # Groups of which the name is new.
    (0, "OK", 0, "NO_ERROR", "accepted", MESSAGE),
    (0, "ACCEPTED", 0, "ACCEPTED_NEW", "accepted", MESSAGE),
    (1, "PENDING", 99, "PENDING_NEW", "accepted", MESSAGE),
    (2, "UNDELIVERABLE", 99, "UNDELIVERABLE_NEW", "refused", MESSAGE),
    (3, "DELIVERED", 99, "DELIVERED_NEW", "accepted", MESSAGE),
    (4, "EXPIRED", 99, "EXPIRED_NEW", "expired", MESSAGE),
    (5, "REJECTED", 99, "REJECTED_NEW", "failed", MESSAGE),
]


def report(status: Any, **more: Any) -> bytes:
    item = {"messageId": REFERENCE, "to": "66812345678", "sender": "OA-PARCELS",
            "doneAt": "2026-11-24T03:15:15.799+0000", "status": status, **more}  # fmt: skip
    return json.dumps({"results": [item]}).encode()


def read(body: bytes) -> Event:
    [event] = InfobipProvider.events(body)
    return event


@pytest.mark.parametrize(("group_id", "group", "status_id", "name", "kind", "scope"), TABLE)
def test_what_every_status_becomes(
    group_id: int, group: str, status_id: int, name: str, kind: str, scope: FaultScope
) -> None:
    whole = {"groupId": group_id, "groupName": group, "id": status_id, "name": name}
    without_group_name = {"groupId": group_id, "name": name}

    for status in (whole, {**whole, "id": 7}, {**whole, "groupId": 77}, without_group_name):
        event = read(report(status))
        assert (event.kind, event.scope, event.code) == (kind, scope, name)
        assert event.reference is not None
        assert event.reference.hex == REFERENCE
        assert event.sender == "OA-PARCELS"


@pytest.mark.parametrize(
    "status",
    [
        {"groupId": 9, "groupName": "ORBIT", "id": 5, "name": "DELIVERED_TO_HANDSET"},
        {"groupName": "ORBIT"},
        {"groupId": [1]},
        {"id": 5},
        {},
    ],
)
def test_a_status_of_no_known_group_is_kept_and_settles_nothing(status: Any) -> None:
    event = read(report(status))

    assert event.kind == "other"
    assert event.payload["status"] == status


def error(name: str, *, permanent: bool = True, group: str = "USER_ERRORS") -> dict[str, Any]:
    return {"groupId": 2, "groupName": group, "id": 7000, "name": name,
            "description": "Why it is so", "permanent": permanent}  # fmt: skip


@pytest.mark.parametrize("name", sorted(statuses.ERRORS))
@pytest.mark.parametrize(
    "status",
    [
        {"groupName": "UNDELIVERABLE", "name": "UNDELIVERABLE_NOT_DELIVERED"},
        {"groupName": "REJECTED", "name": "REJECTED_SYSTEM_ERROR"},
        {"groupName": "REJECTED", "name": "REJECTED_NEW"},
    ],
)
def test_an_error_of_the_chat_family_says_more_than_the_group(name: str, status: Any) -> None:
    event = read(report(status, error=error(name)))

    assert statuses.Meaning(event.kind, event.scope) == statuses.ERRORS[name]
    assert event.detail == f"{name} (permanent): Why it is so"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ({"groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"}, "delivered"),
        ({"groupName": "PENDING", "name": "PENDING_ENROUTE"}, "accepted"),
        ({"groupName": "EXPIRED", "name": "EXPIRED_EXPIRED"}, "expired"),
        ({"groupName": "REJECTED", "name": "REJECTED_DND"}, "refused"),
        ({"groupName": "REJECTED", "name": "REJECTED_DUPLICATE_MESSAGE_ID"}, "accepted"),
    ],
)
def test_an_error_does_not_overrule_a_status_that_is_clear(status: Any, kind: str) -> None:
    assert read(report(status, error=error("EC_ACCOUNT_ISSUE"))).kind == kind


def test_whether_an_error_may_pass_is_told() -> None:
    status = {"groupName": "UNDELIVERABLE", "name": "UNDELIVERABLE_NOT_DELIVERED"}
    unknown = error("EC_NEW_ERROR", permanent=False, group="OPERATOR_ERRORS")

    event = read(report(status, error=unknown))
    vague = read(report(status, error=error("EC_PROVIDER_DR_ERROR")))

    assert (event.kind, event.detail) == ("refused", "EC_NEW_ERROR (may pass): Why it is so")
    assert vague.kind == "refused"


def test_no_error_leaves_the_words_of_the_status() -> None:
    status = {"groupName": "EXPIRED", "name": "EXPIRED_EXPIRED", "description": "Message expired"}

    event = read(report(status, error=error("NO_ERROR", permanent=False)))

    assert event.detail == "Message expired"


def test_a_report_holds_no_number_wherever_infobip_repeats_it() -> None:
    status = {"groupName": "REJECTED", "name": "REJECTED_DESTINATION",
              "description": "66812345678 is no number of LINE's"}  # fmt: skip

    event = read(report(status, price={"pricePerMessage": 0.12, "currency": "THB"}))

    assert "66812345678" not in repr(event)
    assert "to" not in event.payload
    assert event.detail == "*** is no number of LINE's"
    assert event.payload["price"] == {"pricePerMessage": 0.12, "currency": "THB"}


def test_a_report_that_is_pushed_and_fetched_is_one_event() -> None:
    status = {"groupId": 3, "groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"}
    pushed = read(report(status, callbackData="a"))
    fetched = read(report({"groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"}))
    later = read(report(status, doneAt="2026-11-24T03:15:16.000+0000"))
    other = read(report({"groupName": "EXPIRED", "name": "EXPIRED_EXPIRED"}))

    assert pushed.event_id == fetched.event_id
    assert len({pushed.event_id, later.event_id, other.event_id}) == 3


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ({"doneAt": "2023-09-26T10:52:15.799+0000"}, (2023, 9, 26, 10, 52, 15, 799_000)),
        ({"doneAt": "2023-09-26T17:52:15.799+0700"}, (2023, 9, 26, 10, 52, 15, 799_000)),
        ({"doneAt": "2023-09-26T10:52:15.799+00:00"}, (2023, 9, 26, 10, 52, 15, 799_000)),
        ({"doneAt": "2023-09-26T10:52:15Z"}, (2023, 9, 26, 10, 52, 15, 0)),
        ({"doneAt": None, "sentAt": "2023-09-26T10:52:14.000+0000"},
         (2023, 9, 26, 10, 52, 14, 0)),
        ({"doneAt": "lately", "sentAt": "2023-09-26T10:52:14.000+0000"},
         (2023, 9, 26, 10, 52, 14, 0)),
    ],
)  # fmt: skip
def test_when_it_was_done(told: dict[str, Any], moment: tuple[int, ...]) -> None:
    status = {"groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"}

    assert read(report(status, **told)).occurred_at == datetime(*moment, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize("done", [None, "", "soon", 7, "0001-01-01T00:00:00.000+1400"])
def test_a_delivery_counts_though_nobody_says_when(done: Any) -> None:
    event = read(report({"groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"}, doneAt=done))

    assert event.kind == "delivered"
    assert datetime.now(UTC) - event.occurred_at < timedelta(minutes=1)


@pytest.mark.parametrize("message_id", ["4200000000000000777", "", None, 7, REFERENCE[:-1]])
def test_an_id_that_is_not_ours_is_no_reference(message_id: Any) -> None:
    status = {"groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"}

    assert read(report(status, messageId=message_id)).reference is None


# --- what people do and write


@pytest.mark.parametrize(
    ("name", "kind"),
    [("follow", "follow"), ("unfollow", "unfollow"), ("text", "said"), ("postback", "said"),
     ("taken back", "unsent"), ("sticker", "said")],
)  # fmt: skip
def test_what_people_do_is_read(name: str, kind: str) -> None:
    event = read(BODIES[name])

    assert (event.kind, event.line_user_id, event.sender) == (kind, USER, "OA-PARCELS")
    stamp = event.payload["message"]["timestamp"]
    assert event.occurred_at == datetime.fromtimestamp(stamp / 1000, UTC)
    assert event.reference is None


def test_what_is_taken_back_is_another_event_than_what_was_written() -> None:
    assert read(BODIES["text"]).event_id != read(BODIES["taken back"]).event_id
    assert read(BODIES["text"]).event_id == read(BODIES["text"]).event_id


def test_a_sender_that_is_no_line_user_is_not_kept() -> None:
    item = {"sender": "66812345678", "to": "x", "messageId": "1",
            "message": {"type": "FOLLOW", "timestamp": 1795490409123}}  # fmt: skip

    event = read(json.dumps({"results": [item]}).encode())

    assert event.line_user_id == ""
    assert "66812345678" not in repr(event)


# --- pages that are not whole


WHOLE = json.dumps(
    {"results": [json.loads(report({"groupName": "DELIVERED", "name": "DELIVERED_TO_HANDSET"},
                                   messageId=f"{n:032x}"))["results"][0] for n in range(3)]}
).encode()  # fmt: skip


@given(st.integers(0, len(WHOLE) - 1))
def test_of_a_page_cut_short_comes_what_is_whole(length: int) -> None:
    with pytest.raises(UnreadableWebhook) as caught:
        InfobipProvider.events(WHOLE[:length])

    ends = [n for n in range(len(WHOLE)) if WHOLE[n:].startswith((b'}, {"messageId', b"}]}"))]
    assert len(caught.value.readable) == sum(end < length for end in ends)


def test_one_result_that_cannot_be_read_leaves_the_others() -> None:
    good = json.loads(BODIES["delivered"])["results"][0]
    page = {"results": [7, good, {"messageId": "1"}, {"status": []}, {"message": {}}, None, good]}

    with pytest.raises(UnreadableWebhook) as caught:
        InfobipProvider.events(json.dumps(page).encode())

    assert [event.kind for event in caught.value.readable] == ["delivered", "delivered"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b'{"results": {}}', b"\xff\xfe", b"[" * 100_000,
     b"<reports/>", b'{"results": ' + b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_page_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableWebhook) as caught:
        InfobipProvider.events(body)

    assert caught.value.readable == []


def test_a_status_means_the_same_in_the_answer_to_a_send() -> None:
    for _gid, group, _id, name, kind, _scope in TABLE:
        outcome = statuses.read({"groupName": group, "name": name}).outcome
        assert outcome is {
            "accepted": Outcome.ACCEPTED, "delivered": Outcome.ACCEPTED,
            "refused": Outcome.REFUSED, "failed": Outcome.FAULT, "expired": Outcome.UNCERTAIN,
        }[kind]  # fmt: skip
