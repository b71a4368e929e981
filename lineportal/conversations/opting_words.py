"""What customers read when they stop marketing in the chat, or take it up again.

Not by gettext: it is in the customer's language. Each names the word that undoes what was done.
"""

from __future__ import annotations

_STOPPED = {
    "en": "You will get no more marketing messages from {name}. Messages about your orders and"
    " requests still come. To get marketing messages again, write: subscribe",
    "th": "คุณจะไม่ได้รับข้อความการตลาดจาก {name} อีก ข้อความเกี่ยวกับคำสั่งซื้อและคำขอของคุณจะยังส่งถึงคุณ"
    " หากต้องการรับอีกครั้ง พิมพ์: รับข่าวสาร",
    "zh-Hant": "您將不再收到 {name} 的行銷訊息。與您的訂單和要求有關的訊息仍會傳送。"
    "如要再次接收行銷訊息，請輸入：恢復接收",
    "ja": "{name}からの広告・宣伝メッセージの配信を停止しました。"
    "ご注文やお問い合わせに関するメッセージは引き続き届きます。再開するには、次のように送信してください：配信再開",
}
_STARTED = {
    "en": "You get marketing messages from {name} again. To stop them at any time, write: stop",
    "th": "คุณจะได้รับข้อความการตลาดจาก {name} อีกครั้ง หากต้องการหยุดรับ พิมพ์: ยกเลิกรับข่าวสาร",
    "zh-Hant": "您將再次收到 {name} 的行銷訊息。如要停止接收，請輸入：退訂",
    "ja": "{name}からの広告・宣伝メッセージの配信を再開しました。"
    "停止するには、次のように送信してください：配信停止",
}


def stopped(language: str, *, name: str) -> str:
    """Return what is said to who stopped marketing; English for a language that we do not have."""
    return _STOPPED.get(language, _STOPPED["en"]).replace("{name}", name)


def started(language: str, *, name: str) -> str:
    """Return what is said to who took marketing up again."""
    return _STARTED.get(language, _STARTED["en"]).replace("{name}", name)
