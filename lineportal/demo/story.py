"""The main job on the sample file, over the portal's own API, and its check against the table."""

from __future__ import annotations

import csv
import io
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from lineportal.demo.people import Person

DAY_SECONDS = 24 * 3600
PARCEL = {
    "title": "พัสดุของคุณมาถึงแล้ว",
    "company": "ไทยพัสดุ",
    "greeting": "เรียน คุณ{{name}}",
    "emphasis": {"label": "เลขพัสดุ", "value": "{{tracking_no}}"},
    "items": [
        {"label": "จาก", "value": "{{parcel_from}}"},
        {"label": "รับได้ถึง", "value": "{{pickup_date}}"},
    ],
    "explanation": "โปรดแสดงข้อความนี้เมื่อมารับพัสดุ",
    "buttons": [{"label": "ติดตามพัสดุ", "url": "https://example.com/track/{{tracking_no}}"}],
}

SAMPLE = {
    "name": "สมชาย ใจดี",
    "tracking_no": "TH0123456789",
    "parcel_from": "ร้านดอกไม้บ้านสวน",
    "pickup_date": "30 พ.ย. 2569",
}
BRIEF = {
    "use_case": "The receiver knows that a parcel waits, and until when.",
    "trigger": "The parcel is scanned at the pick-up point.",
    "audience": "Receivers whose phone number the sender gave for this parcel.",
    "monthly_volume": 120_000,
    "contact_name": "Somsri, customer care",
    "contact_email": "care@example.com",
}

Say = Callable[[str], None]


class NotAsExpected(Exception):
    """The portal answered or ended otherwise than the seed's table says."""


@dataclass(frozen=True, slots=True)
class Keys:
    """API keys of the people who do the job."""

    author: str
    reviewer: str
    sender: str
    agent: str


@dataclass(frozen=True, slots=True)
class Portal:
    """The portal's API and the simulator, over HTTP."""

    url: str
    simulator: str

    def call(
        self,
        key: str,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        return _json(
            method,
            f"{self.url}/api/v1/{path}",
            body,
            {"Authorization": f"Bearer {key}", **(headers or {})},
        )

    def simulate(self, method: str, path: str, body: Any = None) -> Any:
        return _json(method, f"{self.simulator}/simulator/{path}", body, {})


def approve_template(portal: Portal, keys: Keys, *, account: str, say: Say) -> str:
    """Take the parcel template from draft to approved, by two people; return its key."""
    draft = portal.call(
        keys.author,
        "POST",
        "templates/",
        {
            "account": account,
            "key": "parcel-arrival",
            "service": "lon",
            "language": "th",
            "purpose": "Tell the receiver that a parcel waits for them",
            "content": PARCEL,
            "samples": [SAMPLE],
        },
    )
    path = f"templates/{draft['id']}/"
    portal.call(keys.author, "PATCH", f"{path}brief/", BRIEF)
    say(f"  draft       {draft['key']} v{draft['version']}, by the author, with sample and brief")
    submitted = portal.call(keys.author, "POST", f"{path}submit/")
    say(f"  submitted   bubble frozen, content hash {submitted['content_hash'][:16]}…")
    approved = portal.call(
        keys.reviewer,
        "POST",
        f"{path}approve/",
        {"line_reference": "LINE-TH-2026-1187", "line_decided_on": str(date(2026, 11, 2))},
    )
    say(f"  approved    by the reviewer, LINE's reference {approved['line_reference']}")
    return str(approved["key"])


def send(portal: Portal, keys: Keys, *, account: str, template: str, name: str, say: Say) -> int:
    """Preview, start, and wait until nothing is queued or sending; return the campaign's id."""
    campaign = portal.call(
        keys.sender,
        "POST",
        "campaigns/",
        {"account": account, "template": template, "name": name},
    )
    pk = int(campaign["id"])
    preview = portal.call(keys.sender, "GET", f"campaigns/{pk}/preview/")
    say(f"  dry run of {preview['total']:,} people")
    _print_counts(preview["by_verdict"], say)
    _print_counts(preview["by_rule"], say)
    portal.call(keys.sender, "POST", f"campaigns/{pk}/start/")
    say("  started")
    wait(
        lambda: _nothing_under_way(portal.call(keys.sender, "GET", f"campaigns/{pk}/report/")),
        "nothing is queued or sending",
    )
    return pk


def let_a_day_pass(
    portal: Portal, keys: Keys, *, campaign: int, people: Sequence[Person], say: Say
) -> str:
    """Let the asked answer, then the 24 hours end; return the virtual time reached, ISO."""
    agreeing = sum(_end(person)[0] == "delivered" for person in people)
    answered = portal.simulate("POST", "clock", {"advance_seconds": DAY_SECONDS // 2})
    say(f"  12 hours later: {answered.get('answered', 0)} people answered LINE's question")
    wait(
        lambda: _status(portal, keys, campaign, "delivered") >= agreeing,
        f"{agreeing} delivery events have come back",
    )
    clock = portal.simulate("POST", "clock", {"advance_seconds": DAY_SECONDS})
    say("  36 hours later: whoever is silent stays silent")
    return str(clock["now"])


def report(portal: Portal, keys: Keys, *, campaign: int, say: Say) -> dict[str, Any]:
    """Print and return the campaign's report."""
    counts = portal.call(keys.sender, "GET", f"campaigns/{campaign}/report/")
    say(f"  total {counts['total']:,}")
    say("  by_status")
    _print_counts(counts["by_status"], say)
    say("  by_rule")
    _print_counts(counts["by_rule"], say)
    return dict(counts)


def check(
    portal: Portal,
    counts: dict[str, Any],
    exported: str,
    people: Sequence[Person],
    recipients: dict[int, str],
    say: Say,
) -> None:
    """Compare every row of the exported report, and every request LINE got, with the table.

    `recipients` is the number of each recipient's phone, by recipient id. Raises NotAsExpected.
    """
    ends = {
        recipients[int(row["recipient"])]: (row["status"], row["rule"])
        for row in csv.DictReader(io.StringIO(exported))
    }
    wanted = {person.phone: _end(person) for person in people}
    wrong = sorted(phone for phone in ends.keys() | wanted.keys()
                   if ends.get(phone) != wanted.get(phone))  # fmt: skip
    if wrong:
        first = wrong[0]
        raise NotAsExpected(
            f"{len(wrong)} rows differ from the table; the first ended as {ends.get(first)},"
            f" expected {wanted.get(first)}."
        )
    by_status = Counter(status for status, _rule in wanted.values())
    by_rule = Counter(rule for _status, rule in wanted.values() if rule)
    if counts["by_status"] != by_status or counts["by_rule"] != by_rule:
        raise NotAsExpected("The report's counts differ from its rows.")
    written = Counter(_written_to(portal))
    eligible = {phone for phone, (status, _rule) in wanted.items() if status != "skipped"}
    if set(written) != eligible or any(n != 1 for n in written.values()):
        raise NotAsExpected(
            "LINE was not asked to write to exactly the eligible people, once each."
        )
    _print_table(people, ends, say)
    say(f"  {len(wanted):,} rows as the table says; {len(written):,} people written to, once each.")


def _end(person: Person) -> tuple[str, str]:
    """Return (status, rule) that the seed's table gives a person, first match first."""
    if person.country not in ("JP", "TH", "TW"):
        return "skipped", "country_not_served"
    if person.friend_status == "blocked":
        return "skipped", "blocked"
    if person.consent == "rejected":
        return "skipped", "consent_rejected"
    if person.consent == "not_set" and person.when_asked != "agree":
        return "expired", ""
    return "delivered", ""


def _print_table(people: Sequence[Person], ends: dict[str, tuple[str, str]], say: Say) -> None:
    groups: Counter[tuple[str, str, str, str]] = Counter()
    for person in people:
        groups[(person.consent, person.friend_status, *ends[person.phone])] += 1
    say(f"  {'consent':<10}{'friend status':<15}{'status':<11}{'rule':<20}{'people':>7}")
    for (consent, friend, status, rule), n in sorted(groups.items()):
        say(f"  {consent:<10}{friend:<15}{status:<11}{rule:<20}{n:>7,}")


def _written_to(portal: Portal) -> list[str]:
    phones: list[str] = []
    after = 0
    while page := portal.simulate("GET", f"requests?after={after}"):
        phones += [entry["phone"] for entry in page if entry["path"] == "/bot/pnp/push"]
        after = page[-1]["n"]
    return phones


def _nothing_under_way(counts: dict[str, Any]) -> bool:
    return not {"queued", "sending"} & counts["by_status"].keys()


def _status(portal: Portal, keys: Keys, campaign: int, status: str) -> int:
    counts = portal.call(keys.sender, "GET", f"campaigns/{campaign}/report/")
    return int(counts["by_status"].get(status, 0))


def _print_counts(counts: dict[str, int], say: Say) -> None:
    for name, n in sorted(counts.items()):
        say(f"    {name:<22}{n:>7,}")


def wait(look: Callable[[], Any], what: str, *, seconds: float = 120.0) -> Any:
    """Return what `look` finds as soon as it finds something; raises NotAsExpected."""
    ends_at = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > ends_at:
            raise NotAsExpected(f"After {seconds:.0f} seconds it is still not so that {what}.")
        time.sleep(0.3)
    return found


def _json(method: str, url: str, body: Any, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(  # noqa: S310 - our own servers
        url,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        detail = error.read().decode("utf-8", "replace")[:300]
        raise NotAsExpected(f"{method} {url} answered {error.code}: {detail}") from error
