"""The words of a file for consent and friend status, in four languages; and LINE user ids.

docs/recipients-file.md lists every word of the tables; a test compares the two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

TAGS_LIMIT = 50
TAG_LENGTH = 50  # characters

# English, Thai, Chinese, Japanese. A word that could mean two of the three is left out on purpose.
CONSENT: Mapping[str, tuple[str, ...]] = {
    "agreed": (
        "agreed", "agree", "accepted", "accept", "allowed", "allow", "consented",
        "consent given",
        "granted", "opted in", "opt in", "yes", "y", "true", "on",
        "ยินยอม", "ยินยอมแล้ว", "ให้ความยินยอม", "ให้ความยินยอมแล้ว", "ตกลง", "ยอมรับ", "อนุญาต",
        "ใช่", "เปิด",
        "同意", "已同意", "接受", "已接受", "允許", "允许", "願意", "是", "開啟", "开启",
        "同意済み", "同意済", "同意する", "同意した", "同意あり", "承諾", "承諾済み", "許可",
        "許可する", "許可済み", "はい", "オン",
    ),
    "not_set": (
        "not set", "not yet set", "unset", "not configured", "not answered", "no answer",
        "undecided", "unknown", "none",
        "ยังไม่ตั้งค่า", "ยังไม่ได้ตั้งค่า", "ไม่ได้ตั้งค่า", "ยังไม่กำหนด", "ยังไม่ได้กำหนด", "ไม่ได้กำหนด",
        "ยังไม่ระบุ", "ยังไม่ได้ระบุ", "ไม่ระบุ", "ยังไม่เลือก", "ยังไม่ได้เลือก", "ยังไม่ตอบ",
        "未設定", "尚未設定", "未设置", "未設置", "尚未選擇", "未選擇", "未選択", "尚未回覆",
        "未回覆",
        "設定なし", "未回答",
    ),
    "rejected": (
        "rejected", "reject", "refused", "refuse", "declined", "decline", "denied", "deny",
        "disagreed", "disagree", "opted out", "opt out", "withdrawn", "no", "n", "false", "off",
        "ปฏิเสธ", "ปฏิเสธแล้ว", "ไม่ยินยอม", "ไม่ให้ความยินยอม", "ไม่ตกลง", "ไม่ยอมรับ", "ไม่อนุญาต",
        "ถอนความยินยอม",
        "ไม่ใช่", "ปิด",
        "拒絕", "已拒絕", "拒绝", "已拒绝", "不同意", "不接受", "不允許", "不允许", "不願意",
        "否", "關閉", "关闭", "撤回同意",
        "拒否", "拒否済み", "拒否する", "拒否した", "同意しない", "許可しない", "同意撤回",
        "辞退", "いいえ", "オフ",
    ),
}  # fmt: skip

# LINE calls blocking an account "unfollow" in its webhooks.
FRIEND_STATUS: Mapping[str, tuple[str, ...]] = {
    "friend": (
        "friend", "friends", "is friend", "a friend", "added", "added as friend", "follower",
        "following", "followed", "follow", "yes", "y", "true",
        "เพื่อน", "เป็นเพื่อน", "เป็นเพื่อนแล้ว", "เพิ่มเพื่อนแล้ว", "เพิ่มเพื่อน", "ติดตาม",
        "ติดตามแล้ว", "ใช่",
        "好友", "是好友", "已是好友", "已加好友", "已加入好友", "朋友", "是", "已追蹤",
        "追蹤中",
        "友だち", "友達", "ともだち", "友だち追加済み", "友達追加済み", "友だち登録済み",
        "友達登録済み", "フォロー中",
        "フォロー済み", "フォロー", "はい",
    ),
    "not_friend": (
        "not friend", "not friends", "not a friend", "not yet a friend", "non friend",
        "not added",
        "not following", "stranger", "no", "n", "false",
        "ไม่ใช่เพื่อน", "ไม่เป็นเพื่อน", "ไม่ได้เป็นเพื่อน", "ยังไม่เป็นเพื่อน", "ยังไม่ได้เป็นเพื่อน",
        "ยังไม่เพิ่มเพื่อน", "ยังไม่ได้เพิ่มเพื่อน", "ไม่ใช่",
        "非好友", "不是好友", "未加好友", "尚未加好友", "未加入好友", "尚未加入好友",
        "非朋友", "未追蹤", "否",
        "友だちではない", "友達ではない", "友だちでない", "友達でない", "非友だち", "非友達",
        "友だち未追加", "友達未追加", "未追加",
        "未フォロー", "いいえ",
    ),
    "blocked": (
        "blocked", "block", "is blocked", "has blocked", "blocking", "unfollow", "unfollowed",
        "บล็อก", "บล็อค", "บล็อกแล้ว", "บล็อคแล้ว", "ถูกบล็อก", "ถูกบล็อค", "เลิกติดตาม",
        "封鎖", "已封鎖", "被封鎖", "封锁", "已封锁", "黑名單", "黑名单", "取消追蹤",
        "ブロック", "ブロック済み", "ブロック済", "ブロック中", "ブロックされた",
        "ブロックした",
    ),
}  # fmt: skip

_USER_ID = re.compile(r"U[0-9a-fA-F]{32}", re.ASCII)
_IGNORED = re.compile("[\\s_\u2010\u2011\\-\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


class UnknownWord(Exception):
    """A word that is in no table; the sentence lists what is accepted."""


class UnreadableUserId(Exception):
    """The text is not a LINE user id."""


def consent(text: str) -> str:
    """Return `agreed`, `not_set` or `rejected`; raises UnknownWord."""
    return _find(text, _CONSENT_INDEX, CONSENT)


def friend_status(text: str) -> str:
    """Return `friend`, `not_friend` or `blocked`; raises UnknownWord."""
    return _find(text, _FRIEND_INDEX, FRIEND_STATUS)


def line_user_id(text: str) -> str:
    """Return a LINE user id, its hex digits in lower case; raises UnreadableUserId."""
    text = text.strip(" \t\r\n\u00a0\u3000\u200b\u200e\u200f\u2060\ufeff")
    if not _USER_ID.fullmatch(text):
        raise UnreadableUserId(
            _(
                "a LINE user id is a capital U and 32 hexadecimal digits; copy it whole, or empty"
                " the cell"
            )
        )
    return f"U{text[1:].lower()}"


def folded(text: str) -> str:
    """Return a word as it is compared: case, width, spaces, `-` and `_` do not count."""
    return _IGNORED.sub("", unicodedata.normalize("NFKC", text).casefold())


def _find(text: str, index: Mapping[str, str], table: Mapping[str, tuple[str, ...]]) -> str:
    word = index.get(folded(text))
    if word is None:
        # The cell is not repeated: with columns mixed up, it may hold a phone number.
        raise UnknownWord(_("unknown word; use one of: %(known)s") % {"known": ", ".join(table)})
    return word


def _indexed(table: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {folded(word): value for value, words in table.items() for word in words}


_CONSENT_INDEX = _indexed(CONSENT)
_FRIEND_INDEX = _indexed(FRIEND_STATUS)


class UnreadableTags(Exception):
    """The tags cannot be kept; the text says why."""


def tags(given: Any) -> list[str]:
    """Return tags stripped, each once, in the order given; raises UnreadableTags."""
    if not isinstance(given, list | tuple) or not all(isinstance(tag, str) for tag in given):
        raise UnreadableTags(_("Give the tags as a list of texts."))
    read = list(dict.fromkeys(tag.strip() for tag in given if tag.strip()))
    if any("\x00" in tag for tag in read):
        raise UnreadableTags(_("A tag holds a character that cannot be kept."))
    if len(read) > TAGS_LIMIT or any(len(tag) > TAG_LENGTH for tag in read):
        raise UnreadableTags(
            _("At most %(tags)d tags of at most %(length)d characters are kept.")
            % {"tags": TAGS_LIMIT, "length": TAG_LENGTH}
        )
    return read
