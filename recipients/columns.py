"""What the columns of a file mean: by their own names, as a person said, or as said before.

A meaning is one of `sheets.KEYS`, "-" (the column is passed over) or the name of an attribute. What
a person says is remembered for the account's next files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from openpyxl.utils import get_column_letter

from lineportal.accounts.models import OfficialAccount
from recipients import sheets, words
from recipients.models import ColumnMeaning

IGNORED = "-"
# The columns that a file of refused rows has beside those of the file it came from.
REFUSED_ROW, REFUSED_BECAUSE = "refused_row", "refused_because"
_OURS = (REFUSED_ROW, REFUSED_BECAUSE)

# Names that people give to the columns we need: offered as a guess, never taken unasked.
_USUAL = {
    "phone": ("phone number", "mobile", "mobile number", "mobile phone", "tel", "telephone",
              "cell phone", "msisdn", "เบอร์โทร", "เบอร์โทรศัพท์", "เบอร์มือถือ", "โทรศัพท์", "มือถือ",
              "หมายเลขโทรศัพท์", "電話", "電話號碼", "手機", "手機號碼", "行動電話", "電話番号",
              "携帯", "携帯電話", "携帯番号"),
    "line_user_id": ("line id", "line uid", "user id", "userid", "uid", "line user",
                     "ไลน์ไอดี", "LINE使用者ID", "LINEユーザーID"),
    "consent": ("lon consent", "consent status", "opt in", "ความยินยอม", "การยินยอม", "同意",
                "同意狀態", "同意状況"),
    "friend_status": ("friend", "line friend", "is friend", "สถานะเพื่อน", "เพื่อน", "好友狀態", "好友",
                      "友だち", "友だち状態"),
}  # fmt: skip
_GUESSES = {words.folded(name): key for key, names in _USUAL.items() for name in names}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a file says what: indexes into its rows (None: nowhere), and the attributes' names."""

    phone: int | None
    line_user_id: int | None
    consent: int | None
    friend_status: int | None
    attributes: tuple[tuple[int, str], ...]

    def letter(self, key: str) -> str:
        """Return the spreadsheet's letter of a key's column: "C"; empty where there is none."""
        index: int | None = getattr(self, key)
        return "" if index is None else get_column_letter(index + 1)


def read(header: Sequence[str], mapping: Mapping[str, str]) -> Columns:
    """Return where a file with this header says what. Raises UnreadableFile about its columns."""
    said = {_folded(name): meaning for name, meaning in mapping.items()}
    taken: dict[str, int] = {}
    attributes, problems = [], []
    for index, name in enumerate(header):
        meaning = said.get(_folded(name)) or _own(name)
        if meaning == IGNORED:
            continue
        earlier = taken.setdefault(_folded(meaning), index)
        if earlier != index:
            problems.append(
                _("Columns %(first)s and %(second)s both mean “%(name)s”; keep one of them.")
                % {"first": get_column_letter(earlier + 1),
                   "second": get_column_letter(index + 1), "name": meaning}
            )  # fmt: skip
        elif meaning not in sheets.KEYS:
            attributes.append((index, meaning))
    if problems:
        raise sheets.UnreadableFile("\n".join(problems), is_about_columns=True)
    if "phone" not in taken and "line_user_id" not in taken:
        raise sheets.UnreadableFile(
            _("Row 1 has neither a column “phone” nor “line_user_id”; name one of them so."),
            is_about_columns=True,
        )
    return Columns(
        phone=taken.get("phone"),
        line_user_id=taken.get("line_user_id"),
        consent=taken.get("consent"),
        friend_status=taken.get("friend_status"),
        attributes=tuple(attributes),
    )


def is_enough(header: Sequence[str], mapping: Mapping[str, str]) -> bool:
    """Return whether a file with this header can be imported."""
    try:
        read(header, mapping)
    except sheets.UnreadableFile:
        return False
    return True


def guesses(header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Return a meaning for each named column, for a person to look at: said before, or guessed."""
    said = {_folded(name): meaning for name, meaning in mapping.items()}
    found: dict[str, str] = {}
    free = set(sheets.KEYS) - {_folded(name) for name in header} - set(said.values())
    for name in header:
        if not name:
            continue
        guess = _GUESSES.get(words.folded(name), "")
        found[name] = said.get(_folded(name)) or (guess if guess in free else _own(name))
        free.discard(found[name])
    return found


def remembered(account: OfficialAccount) -> dict[str, str]:
    """Return what the account's columns were said to mean before."""
    rows = ColumnMeaning.objects.filter(account=account)
    return dict(rows.values_list("name", "meaning"))


def remember(account: OfficialAccount, mapping: Mapping[str, str], *, at: datetime) -> None:
    """Keep what columns mean for the account's next files."""
    ColumnMeaning.objects.bulk_create(
        [
            ColumnMeaning(account=account, name=_folded(name), meaning=meaning, said_at=at)
            for name, meaning in mapping.items()
        ],
        update_conflicts=True,
        unique_fields=["account", "name"],
        update_fields=["meaning", "said_at"],
    )


def _own(name: str) -> str:
    """Return what a column means by its own name."""
    folded = _folded(name)
    if not folded or folded in _OURS:
        return IGNORED
    return folded if folded in sheets.KEYS else name


def _folded(name: str) -> str:
    return name.strip().casefold()
