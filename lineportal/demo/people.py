"""The sample file of recipients: invented people, and what an import of them must come to.

`python -m lineportal.demo.people > docs/samples/recipients-th.csv` writes it. Names are put
together and numbers drawn by a seeded generator; no real person's data is in it.
"""

from __future__ import annotations

import csv
import io
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

HEADER = ("phone", "line_user_id", "consent", "friend_status", "name", "tracking_no",
          "parcel_from", "pickup_date")  # fmt: skip
_SEED = 20_261_123
_FIRST_PICKUP = date(2026, 12, 1)
# How many people of each consent and friend status: like reality, mostly agreed and no friends.
_COVERAGE = {
    ("agreed", "not_friend"): 520,
    ("agreed", "friend"): 200,
    ("agreed", "blocked"): 60,
    ("not_set", "not_friend"): 180,
    ("not_set", "friend"): 80,
    ("not_set", "blocked"): 40,
    ("rejected", "not_friend"): 50,
    ("rejected", "friend"): 40,
    ("rejected", "blocked"): 30,
}
_REPEATS = 10
# Valid, but issued where LINE delivers no notifications: they are stored, and excluded.
_FOREIGN = (("+1 212 555 0142", "+12125550142", "US"), ("+65 9123 4567", "+6591234567", "SG"),
            ("+82 10-1234-5678", "+821012345678", "KR"))  # fmt: skip
_SPELLINGS = {
    "agreed": ("agreed", "agreed", "agreed", "Agreed", "ยินยอม"),
    "not_set": ("not_set", "not_set", "not set", "ยังไม่ได้ตั้งค่า"),
    "rejected": ("rejected", "rejected", "REJECTED", "ปฏิเสธ"),
    "friend": ("friend", "friend", "Friend", "เป็นเพื่อน"),
    "not_friend": ("not_friend", "not_friend", "not friend", "ไม่ใช่เพื่อน"),
    "blocked": ("blocked", "blocked", "Blocked", "บล็อก"),
}
_GIVEN = (  # noqa: SIM905 - as a list it would be mostly quotation marks
    "สมชาย สมหญิง วิชัย วิภา อนุชา นภา ปิยะ ปิยนุช กิตติ กิตติพงษ์ ธนพล ธนพร ณัฐพล ณัฐธิดา พรทิพย์ พรชัย"
    " ศิริพร สุรชัย สุภาพร อรทัย จิราพร ชัยวัฒน์ ดวงใจ นันทนา ประเสริฐ ปรีชา มานพ มาลี รัตนา วรรณา วีระ"
    " สมศักดิ์ สายฝน อภิชาติ อัญชลี กมล กัญญา ขวัญชัย จันทร์เพ็ญ เฉลิมชัย ทิพวรรณ ธีรศักดิ์ นิภา บุญมี พิมพ์ชนก"
    " ภาณุพงศ์ มณีรัตน์ ยุพิน ลัดดา วราภรณ์ ศักดิ์ชัย สิริกร สุดารัตน์ อดิศักดิ์ อารีย์ ชนิดา ปวีณา ภัทรพล ชลธิชา"
).split()
_FAMILY = (  # noqa: SIM905 - as above
    "ใจดี ศรีสุข ทองดี แสงทอง บุญมา สุขสวัสดิ์ วงศ์ไทย พงษ์พานิช รุ่งเรือง จันทร์แก้ว แก้วมณี มีสุข สายทอง"
    " ชัยชนะ ศรีวิไล ทองคำ เจริญสุข คงมั่น พันธุ์ดี ไชยวงศ์ ปัญญาดี วัฒนกุล สุวรรณรัตน์ ศิริมงคล ธนวัฒน์ อินทร์แก้ว"
    " บุญเรือง พรหมมา สมบูรณ์ชัย เพชรรัตน์ ดีพร้อม รัตนวงศ์ นาคสุข โพธิ์ทอง กิจเจริญ สิงห์ทอง หอมจันทร์ ภักดีวงศ์"
).split()
_SENDERS = (
    "ร้านผ้าไหมบ้านครู", "ร้านหนังสือริมคลอง", "สวนผลไม้ป้าแดง", "ร้านรองเท้าก้าวไกล", "ครัวขนมไทยบ้านสวน",
    "ร้านกล้องถ่ายรูปเมืองเก่า", "ร้านของเล่นหนูน้อย", "ไร่กาแฟดอยหมอก", "ร้านเครื่องเขียนมุมถนน", "ร้านยาชุมชนใจดี",
)  # fmt: skip
_THAI_DIGITS = str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙")


@dataclass(frozen=True, slots=True)
class Person:
    """Someone whom the import creates, and how they act in the demo."""

    row: int  # of the file; the header is row 1
    phone: str  # E.164
    country: str  # ISO region of the number
    line_user_id: str
    consent: str
    friend_status: str
    # What they do when LINE asks for consent at the first notification: "agree" or "silent".
    when_asked: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an import into an empty account must report: rows = created + unchanged + refused."""

    rows: int
    created: int
    unchanged: int
    refused: int
    refused_rows: tuple[int, ...]  # row numbers of the spreadsheet
    people: tuple[Person, ...]  # in file order


@dataclass(frozen=True, slots=True)
class _Line:
    cells: Sequence[str]
    person: tuple[str, str, str, str, str] | None = None  # E.164, country, id, consent, friend
    is_repeat: bool = False


def expected() -> Expectation:
    """Return what the import of the sample must come to, for a Thai account without people."""
    lines = _lines(random.Random(_SEED))
    numbered = list(enumerate(lines, start=2))
    people = tuple(
        Person(row, *line.person, _when_asked(line.person[0], line.person[3]))
        for row, line in numbered
        if line.person
    )
    refused = tuple(row for row, line in numbered if not (line.person or line.is_repeat))
    return Expectation(
        rows=len(lines),
        created=len(people),
        unchanged=sum(line.is_repeat for line in lines),
        refused=len(refused),
        refused_rows=refused,
        people=people,
    )


def text() -> str:
    """Return the sample file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(line.cells for line in _lines(random.Random(_SEED)))
    return out.getvalue()


def _lines(rng: random.Random) -> list[_Line]:
    """Return the rows: good ones mixed, then repeats and bad ones put between them."""
    drawn: set[str] = set()
    good = [
        _good(rng, _mobile(rng, drawn), consent, friend_status)
        for (consent, friend_status), count in _COVERAGE.items()
        for _index in range(count)
    ]
    for written, e164, country in _FOREIGN:
        line = _good(rng, e164, "agreed", "not_friend", written=written, country=country)
        good.append(line)
    lines = _shuffled(rng, good)
    bad = _bad(rng, drawn, lines[0], lines[1])
    # Late enough that every repeat and every bad row comes after the person it repeats.
    lines, rest = lines[:200], lines[200:]
    repeats = [_Line(line.cells, is_repeat=True) for line in lines[10 : 10 + _REPEATS]]
    odd = _shuffled(rng, bad + repeats)
    step = len(rest) // len(odd)
    for index, line in enumerate(odd):
        lines += [*rest[index * step : (index + 1) * step], line]
    return lines + rest[len(odd) * step :]


def _good(
    rng: random.Random,
    e164: str,
    consent: str,
    friend_status: str,
    *,
    written: str = "",
    country: str = "TH",
) -> _Line:
    line_user_id = _user_id(rng)
    cells = (
        written or _notation(rng, e164),
        line_user_id,
        _pick(rng, _SPELLINGS[consent]),
        _pick(rng, _SPELLINGS[friend_status]),
        *_details(rng),
    )
    return _Line(cells, (e164, country, line_user_id, consent, friend_status))


def _bad(rng: random.Random, drawn: set[str], first: _Line, second: _Line) -> list[_Line]:
    """Return 20 rows that must be refused, each for its own reason."""

    def row(*, extra: Sequence[str] = (), **cells: str) -> _Line:
        fresh = _good(rng, _mobile(rng, drawn), "agreed", "not_friend").cells
        said = [cells.get(name, cell) for name, cell in zip(HEADER, fresh, strict=True)]
        return _Line((*said, *extra))

    return [
        row(phone="081-234-567"),  # too short
        row(phone="081-234-56789"),  # too long
        row(phone="O81-234-5678"),  # a letter for a digit
        row(phone="6.68123E+10"),  # scientific notation
        row(phone="ไม่มีเบอร์โทร"),  # "no telephone number"
        row(phone="000-000-0000"),  # no such number
        row(phone="++66 81 234 5678"),  # two pluses
        row(phone="14155550123"),  # foreign, without its plus
        row(phone="081-234-5678 / 089-876-5432"),  # two numbers
        row(phone="812345678.0"),  # a number as a program writes it
        row(consent="maybe"),  # unknown words
        row(consent="ไม่แน่ใจ"),
        row(friend_status="bestie"),
        row(friend_status="?"),
        row(phone="", line_user_id=""),  # nobody
        row(line_user_id="U1234"),  # too short
        row(line_user_id="U" + "z" * 32),  # no hexadecimal digits
        row(extra=("ฝากไว้ที่ป้อมยาม",)),  # a cell beyond the header
        # The first person again, with other details; and the first one's phone with another's id.
        _Line((*first.cells[:4], *_details(rng))),
        row(phone=first.cells[0], line_user_id=second.cells[1]),
    ]


def _details(rng: random.Random) -> tuple[str, str, str, str]:
    return (
        f"{_pick(rng, _GIVEN)} {_pick(rng, _FAMILY)}",
        f"TH{_below(rng, 10**12):012d}",
        _pick(rng, _SENDERS),
        (_FIRST_PICKUP + timedelta(days=_below(rng, 14))).isoformat(),
    )


def _mobile(rng: random.Random, drawn: set[str]) -> str:
    """Return a number nobody has yet, from the ranges of Thai mobiles: 061 to 066, 08x, 09x."""
    while True:
        prefix = _pick(rng, (*(f"6{n}" for n in range(1, 7)), *(f"{n}" for n in range(80, 100))))
        number = f"+66{prefix}{_below(rng, 10**7):07d}"
        if number not in drawn:
            drawn.add(number)
            return number


def _notation(rng: random.Random, e164: str) -> str:
    """Write a number as people do: about half of them as dialled at home."""
    digits = e164[3:]
    home = f"0{digits}"
    parted = f"{digits[:2]} {digits[2:5]} {digits[5:]}"
    return _pick(
        rng,
        (
            *(f"{home[:3]}-{home[3:6]}-{home[6:]}",) * 6,
            *(home,) * 4,
            *(e164,) * 4,
            *(f"+66 {parted}",) * 3,
            f"+66 (0){parted}",
            e164[1:],  # the plus that a spreadsheet lost
            digits,  # the zero that a spreadsheet lost
            home.translate(_THAI_DIGITS),
        ),
    )


def _when_asked(phone: str, consent: str) -> str:
    """Two of three agree, by their number; who rejected is not asked again."""
    if consent == "rejected":
        return "silent"
    return "agree" if consent == "agreed" or int(phone[-4:]) % 3 else "silent"


def _user_id(rng: random.Random) -> str:
    return "U" + "".join(f"{_below(rng, 2**32):08x}" for _part in range(4))


# Only `random()` gives the same numbers on every Python, so everything is drawn by it.


def _below(rng: random.Random, limit: int) -> int:
    return int(rng.random() * limit)


def _pick(rng: random.Random, choices: Sequence[str]) -> str:
    return choices[_below(rng, len(choices))]


def _shuffled(rng: random.Random, lines: list[_Line]) -> list[_Line]:
    return sorted(lines, key=lambda _line: rng.random())


if __name__ == "__main__":
    sys.stdout.buffer.write(text().encode())
