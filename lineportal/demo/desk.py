"""Templates that wait on the review desk, so that it is not empty: over the portal's own API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lineportal.demo.story import BRIEF, Keys, NotAsExpected, Portal, Say

_ASKED = {
    "title": "นัดหมายของคุณ",
    "company": "ไทยพัสดุ",
    "items": [
        {"label": "สาขา", "value": "{{branch}}"},
        {"label": "เวลา", "value": "{{time}}"},
    ],
    "explanation": "หากไม่สะดวก โปรดเลื่อนนัดที่สาขา",
    "buttons": [{"label": "ดูแผนที่", "url": "https://example.com/branch/{{branch_id}}"}],
}
_AT_LINE = {
    "title": "ชำระเงินแล้ว",
    "company": "ไทยพัสดุ",
    "emphasis": {"label": "ยอดชำระ", "value": "{{amount}} บาท"},
    "items": [{"label": "เลขพัสดุ", "value": "{{tracking_no}}"}],
    "buttons": [{"label": "ดูใบเสร็จ", "url": "https://example.com/receipt/{{tracking_no}}"}],
}
_PROMOTION = {
    "title": "พัสดุของคุณส่งถึงแล้ว",
    "items": [{"label": "เลขพัสดุ", "value": "{{tracking_no}}"}],
    "explanation": "ส่งครั้งหน้าลด 20% เฉพาะเดือนนี้ อย่าพลาด!",
    "buttons": [{"label": "รับคูปองส่วนลด", "url": "https://example.com/coupon"}],
}
_SAMPLES = {
    "branch": "สีลม", "time": "27 พ.ย. 2569 10:00", "branch_id": "12", "amount": "45.00",
    "tracking_no": "TH0123456789",
}  # fmt: skip


def fill(portal: Portal, keys: Keys, *, account: str, say: Say) -> None:
    """Leave a version with an open question, one at LINE, and a draft that findings bar.

    Raises NotAsExpected where a promotion could be submitted.
    """
    asked = _draft(portal, keys, account, "branch-appointment", "Remind of a visit", _ASKED)
    portal.call(keys.author, "POST", f"{asked}submit/")
    question = {"kind": "question", "text": "Who gets it: only people who booked the visit?"}
    portal.call(keys.reviewer, "POST", f"{asked}thread/", question)
    say("  branch-appointment   the reviewer asked something")

    at_line = _draft(portal, keys, account, "payment-received", "Confirm a payment", _AT_LINE)
    portal.call(keys.author, "PATCH", f"{at_line}brief/", BRIEF)
    portal.call(keys.author, "POST", f"{at_line}submit/")
    sent = {"kind": "dossier_sent", "party": "LINE's account manager"}
    sent["happened_on"] = str(datetime.now(UTC).date())
    portal.call(keys.author, "POST", f"{at_line}thread/", sent)
    say("  payment-received     its dossier is with LINE")

    barred = _draft(portal, keys, account, "delivered-promotion", "Tell of a delivery", _PROMOTION)
    try:
        portal.call(keys.author, "POST", f"{barred}submit/")
    except NotAsExpected as refusal:
        if "blocked_by_findings" not in str(refusal):
            raise
        say("  delivered-promotion  barred by findings: LINE forbids promotion")
    else:
        raise NotAsExpected("A template that promotes something could be submitted.")


def _draft(
    portal: Portal, keys: Keys, account: str, key: str, purpose: str, content: dict[str, Any]
) -> str:
    body = {
        "account": account, "key": key, "service": "lon", "language": "th", "purpose": purpose,
        "content": content,
    }  # fmt: skip
    draft = portal.call(keys.author, "POST", "templates/", body)
    samples = [{name: _SAMPLES[name] for name in draft["placeholders"]}]
    path = f"templates/{draft['id']}/"
    portal.call(keys.author, "PATCH", path, {"samples": samples})
    return path
