"""What customers read when they link their number, in their own language.

Not by gettext: whoever answers works in English, and a customer reads another language than they.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Words:
    """All sentences of one language; `{name}` is the account's."""

    # In the chat
    offer: str
    offer_button: str
    linked: str
    not_linked: str
    unlink_button: str
    unlinked: str
    nothing_to_unlink: str
    # On the page
    title: str
    lead: str
    code: str
    code_help: str
    go_on: str
    next_step: str
    warning: str
    wrong_code: str
    locked: str
    ask_again: str
    ask_again_help: str
    how_to_end_title: str
    how_to_end: str
    no_page: str
    language: str


_WORDS = {
    "en": Words(
        offer="Link your phone number to this chat. The button works for 10 minutes. You need"
        " the code that {name} gave you.",
        offer_button="Link my number",
        linked="Your number is linked to this chat. You can end the link at any time with the"
        " button below.",
        not_linked="Your number could not be linked. Please write to us here and we will look into"
        " it.",
        unlink_button="End the link",
        unlinked="Your number is no longer linked to this chat.",
        nothing_to_unlink="No number is linked to this chat.",
        title="Link your number",
        lead="Link your phone number to the LINE chat of {name}.",
        code="Your code",
        code_help="8 letters and digits, from {name}. It works once.",
        go_on="Continue to LINE",
        next_step="LINE then asks you whether you agree.",
        warning="Open this page only from your own chat with {name}, and give your code to nobody.",
        wrong_code="This code is wrong, was used, or is too old. Look at it again, or ask for a"
        " new one.",
        locked="Too many wrong codes. Ask for a new address in the chat.",
        ask_again="Ask again in the chat",
        ask_again_help="This address is good for 10 minutes only, and only from your chat with"
        " {name}. Ask there for a new one; keep your code at hand.",
        how_to_end_title="How to end the link",
        how_to_end="In the chat, press “End the link” under the message that says you are linked,"
        " or write to us. Nothing else of your chat changes.",
        no_page="There is no such page.",
        language="Language",
    ),
    "th": Words(
        offer="เชื่อมหมายเลขโทรศัพท์ของคุณกับแชทนี้ ปุ่มนี้ใช้ได้ 10 นาที โปรดเตรียมรหัสที่ได้รับจาก {name}",
        offer_button="เชื่อมหมายเลขของฉัน",
        linked="เชื่อมหมายเลขของคุณกับแชทนี้แล้ว คุณยกเลิกได้ทุกเมื่อด้วยปุ่มด้านล่าง",
        not_linked="ไม่สามารถเชื่อมหมายเลขของคุณได้ โปรดพิมพ์ถึงเราที่นี่ แล้วเราจะตรวจสอบให้",
        unlink_button="ยกเลิกการเชื่อม",
        unlinked="หมายเลขของคุณไม่ได้เชื่อมกับแชทนี้แล้ว",
        nothing_to_unlink="ไม่มีหมายเลขที่เชื่อมกับแชทนี้",
        title="เชื่อมหมายเลขของคุณ",
        lead="เชื่อมหมายเลขโทรศัพท์ของคุณกับแชท LINE ของ {name}",
        code="รหัสของคุณ",
        code_help="ตัวอักษรและตัวเลข 8 ตัวที่ได้รับจาก {name} ใช้ได้ครั้งเดียว",
        go_on="ไปต่อที่ LINE",
        next_step="จากนั้น LINE จะถามว่าคุณยินยอมหรือไม่",
        warning="เปิดหน้านี้จากแชทของคุณกับ {name} เท่านั้น และอย่าบอกรหัสแก่ผู้ใด",
        wrong_code="รหัสไม่ถูกต้อง ถูกใช้แล้ว หรือหมดอายุ โปรดตรวจอีกครั้งหรือขอรหัสใหม่",
        locked="ใส่รหัสผิดหลายครั้งเกินไป โปรดขอลิงก์ใหม่ในแชท",
        ask_again="โปรดขอใหม่ในแชท",
        ask_again_help="ลิงก์นี้ใช้ได้เพียง 10 นาที และต้องเปิดจากแชทของคุณกับ {name} เท่านั้น"
        " โปรดขอลิงก์ใหม่ในแชท และเก็บรหัสของคุณไว้",
        how_to_end_title="วิธียกเลิกการเชื่อม",
        how_to_end="ในแชท กด “ยกเลิกการเชื่อม” ใต้ข้อความที่แจ้งว่าเชื่อมแล้ว หรือพิมพ์ถึงเรา"
        " ส่วนอื่นของแชทจะไม่เปลี่ยนแปลง",
        no_page="ไม่มีหน้านี้",
        language="ภาษา",
    ),
    "zh-Hant": Words(
        offer="將您的電話號碼與此聊天室連結。按鈕在 10 分鐘內有效，"
        "請準備好 {name} 提供給您的代碼。",
        offer_button="連結我的號碼",
        linked="您的號碼已與此聊天室連結。您可以隨時按下方按鈕解除連結。",
        not_linked="無法連結您的號碼。請在此留言，我們會為您查明。",
        unlink_button="解除連結",
        unlinked="您的號碼已不再與此聊天室連結。",
        nothing_to_unlink="此聊天室沒有連結任何號碼。",
        title="連結您的號碼",
        lead="將您的電話號碼與 {name} 的 LINE 聊天室連結。",
        code="您的代碼",
        code_help="{name} 提供的 8 位英文字母與數字，只能使用一次。",
        go_on="前往 LINE",
        next_step="接著 LINE 會詢問您是否同意。",
        warning="請只從您自己與 {name} 的聊天室開啟此頁，切勿將代碼告訴任何人。",
        wrong_code="代碼錯誤、已使用或已過期。請再次確認，或索取新的代碼。",
        locked="輸入錯誤次數過多。請在聊天室索取新的網址。",
        ask_again="請在聊天室重新索取",
        ask_again_help="此網址僅在 10 分鐘內有效，且須從您與 {name} 的聊天室開啟。"
        "請在聊天室索取新的網址，並保留您的代碼。",
        how_to_end_title="如何解除連結",
        how_to_end="在聊天室中，按已連結訊息下方的「解除連結」，或直接留言給我們。聊天室的其他內容不會改變。",
        no_page="沒有這個頁面。",
        language="語言",
    ),
    "ja": Words(
        offer="電話番号をこのトークと連携できます。ボタンの有効時間は10分です。"
        "{name}からお渡ししたコードをご用意ください。",
        offer_button="番号を連携する",
        linked="電話番号をこのトークと連携しました。下のボタンからいつでも解除できます。",
        not_linked="電話番号を連携できませんでした。こちらにメッセージをお送りください。確認いたします。",
        unlink_button="連携を解除する",
        unlinked="電話番号とこのトークの連携を解除しました。",
        nothing_to_unlink="このトークと連携している電話番号はありません。",
        title="電話番号の連携",
        lead="電話番号を{name}のLINEトークと連携します。",
        code="コード",
        code_help="{name}からお渡しした英数字8文字です。一度だけ使えます。",
        go_on="LINEへ進む",
        next_step="続いてLINEで同意の確認が表示されます。",
        warning="このページはご自身と{name}のトークからのみ開き、コードは誰にも教えないでください。",
        wrong_code="コードが違うか、使用済みか、期限切れです。もう一度ご確認いただくか、新しいコードをお求めください。",
        locked="コードの入力を何度も間違えました。トークで新しいリンクをお求めください。",
        ask_again="トークでもう一度お求めください",
        ask_again_help="このリンクは10分間、ご自身と{name}のトークから開いた場合だけ有効です。"
        "トークで新しいリンクをお求めください。コードはそのままお持ちください。",
        how_to_end_title="連携を解除するには",
        how_to_end="トークで、連携完了のメッセージの下にある「連携を解除する」を押すか、"
        "メッセージでお知らせください。トークのほかの内容は変わりません。",
        no_page="このページはありません。",
        language="言語",
    ),
}


def of(language: str, *, name: str = "") -> Words:
    """Return the sentences of one of `languages.LANGUAGES`, filled in; English for any other."""
    words = _WORDS.get(language, _WORDS["en"])
    # No format(): a name may hold braces.
    return Words(
        **{each.name: getattr(words, each.name).replace("{name}", name) for each in fields(words)}
    )
