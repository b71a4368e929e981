"""The dossier's own words in each language that LINE's people read, by name.

A dossier is written in one language whatever the language of who builds it, so its words are
data here; the findings' sentences come from the catalogues of translations.
"""

from __future__ import annotations

LANGUAGES: dict[str, str] = {
    "en": "English",
    "th": "ไทย",
    "zh-hant": "繁體中文",
    "ja": "日本語",
}

_ROWS: dict[str, tuple[str, str, str, str]] = {
    # name: English, Thai, Traditional Chinese, Japanese
    "title": (
        "Template for approval", "เอกสารขออนุมัติเทมเพลต", "訊息範本審核文件",
        "テンプレート審査依頼書",
    ),
    "official_account": (
        "Official Account", "บัญชี LINE Official Account", "官方帳號", "LINE公式アカウント",
    ),
    "version": ("Version", "เวอร์ชัน", "版本", "バージョン"),
    "draft_notice": (
        "Draft: these words can still change and have no content hash yet.",
        "ฉบับร่าง: ข้อความยังเปลี่ยนแปลงได้ และยังไม่มีแฮชของเนื้อหา",
        "草稿：內容仍可能變更，尚無內容雜湊值。",
        "下書き：文言は変更される可能性があり、コンテンツハッシュはまだありません。",
    ),
    "message": (
        "The message as readers see it", "ข้อความตามที่ผู้รับเห็น", "收訊者看到的訊息",
        "受信者に表示されるメッセージ",
    ),
    "with_placeholders": ("Placeholders", "ตัวแปร", "變數", "変数"),
    "sample": ("Sample", "ตัวอย่าง", "範例", "サンプル"),
    "alt_text": ("Text in the chat list", "ข้อความในรายการแชต", "聊天列表文字", "トーク一覧の表示"),
    "about": ("About this template", "ข้อมูลเทมเพลต", "範本資料", "テンプレートの概要"),
    "key": ("Key", "รหัสเทมเพลต", "範本代號", "テンプレートキー"),
    "state": ("State", "สถานะ", "狀態", "状態"),
    "service": ("Service", "บริการ", "服務", "サービス"),
    "category": ("Category", "ประเภท", "類別", "区分"),
    "language": ("Language of the message", "ภาษาของข้อความ", "訊息語言", "メッセージの言語"),
    "purpose": ("Purpose", "วัตถุประสงค์", "目的", "目的"),
    "content_hash": (
        "Content hash (SHA-256)", "แฮชของเนื้อหา (SHA-256)", "內容雜湊值（SHA-256）",
        "コンテンツハッシュ（SHA-256）",
    ),
    "created": ("Written by", "ผู้เขียน", "撰寫者", "作成者"),
    "submitted": ("Submitted by", "ผู้ส่งตรวจ", "送審者", "提出者"),
    "line_reference": (
        "LINE's reference", "เลขอ้างอิงของ LINE", "LINE 核准編號", "LINEの承認番号",
    ),
    "line_decided_on": (
        "Decided by LINE on", "วันที่ LINE ตัดสิน", "LINE 決定日期", "LINEの決定日",
    ),
    "reason": ("Reason", "เหตุผล", "理由", "理由"),
    "brief": ("Use", "การใช้งาน", "使用情境", "利用内容"),
    "use_case": ("Use case", "กรณีใช้งาน", "使用情境說明", "ユースケース"),
    "trigger": ("Trigger", "เหตุการณ์ที่ทำให้ส่ง", "觸發時機", "送信のきっかけ"),
    "audience": ("Audience", "กลุ่มผู้รับ", "發送對象", "送信対象"),
    "monthly_volume": (
        "Messages a month", "จำนวนข้อความต่อเดือน", "每月發送量", "月間送信数",
    ),
    "contact": ("Contact", "ผู้ติดต่อ", "聯絡人", "連絡先"),
    "placeholders": (
        "Placeholders and samples", "ตัวแปรและค่าตัวอย่าง", "變數與範例值", "変数とサンプル値",
    ),
    "placeholder": ("Placeholder", "ตัวแปร", "變數", "変数"),
    "no_placeholders": (
        "The message has no placeholders.", "ข้อความนี้ไม่มีตัวแปร", "此訊息沒有變數。",
        "変数はありません。",
    ),
    "links": ("Links", "ลิงก์", "連結", "リンク"),
    "no_links": (
        "The message leads nowhere.", "ข้อความนี้ไม่มีลิงก์", "此訊息沒有連結。", "リンクはありません。",
    ),
    "findings": (
        "Our own check of the wording", "ผลการตรวจข้อความของเรา", "內部文字檢查結果",
        "社内の文言チェック結果",
    ),
    "no_findings": (
        "Nothing was found.", "ไม่พบข้อสังเกต", "未發現問題。", "指摘事項はありません。",
    ),
    "blocking": ("Must be settled", "ต้องแก้ไข", "必須處理", "要対応"),
    "warning": ("To look at", "ควรตรวจดู", "請留意", "要確認"),
    "note": ("Note", "หมายเหตุ", "備註", "参考"),
    "waived": (
        "Kept, for this reason", "คงข้อความไว้ด้วยเหตุผล", "保留原文，理由如下", "次の理由により維持",
    ),
    "milestones": ("History with LINE", "ประวัติการประสานงานกับ LINE", "與 LINE 的往來紀錄",
                   "LINEとのやり取り"),
    "no_milestones": ("None yet.", "ยังไม่มี", "尚無。", "まだありません。"),
    "precheck_passed": ("Pre-check passed", "ผ่านการตรวจเบื้องต้น", "預審通過", "事前確認済み"),
    "dossier_sent": ("Dossier sent", "ส่งเอกสารแล้ว", "文件已送出", "依頼書送付"),
    "line_asked": ("LINE asked", "LINE สอบถาม", "LINE 提問", "LINEからの質問"),
    "line_decided": ("LINE decided", "LINE ตัดสินแล้ว", "LINE 已決定", "LINEの決定"),
    "json": (
        "The exact message (JSON)", "ข้อความจริงที่ส่ง (JSON)", "實際發送內容（JSON）",
        "送信されるメッセージ（JSON）",
    ),
    "not_given": ("not given", "ไม่ได้ระบุ", "未提供", "未記入"),
    "draft": ("Draft", "ฉบับร่าง", "草稿", "下書き"),
    "submitted_state": ("Waiting for the decision", "รอการตัดสิน", "等待決定", "決定待ち"),
    "approved": ("Approved", "อนุมัติแล้ว", "已核准", "承認済み"),
    "rejected": ("Rejected", "ไม่อนุมัติ", "未核准", "却下"),
    "revoked": ("Revoked", "ถูกเพิกถอน", "已撤銷", "取り消し済み"),
    "lon": (
        "LINE Official Notification", "LINE Official Notification", "LINE 官方通知訊息",
        "LINE通知メッセージ",
    ),
    "oa": (
        "Two-way Official Account", "บัญชีทางการแบบโต้ตอบ", "雙向官方帳號", "双方向の公式アカウント",
    ),
    "transactional": ("Transactional", "ธุรกรรม", "交易通知", "取引通知"),
    "marketing": ("Marketing", "การตลาด", "行銷", "マーケティング"),
    "made_at": ("Made", "จัดทำเมื่อ", "製作時間", "作成日時"),
    "picture": (
        "picture, not fetched", "รูปภาพ (ไม่ได้ดึงมาแสดง)", "圖片（未載入）",
        "画像（取得していません）",
    ),
}  # fmt: skip


def words(language: str) -> dict[str, str]:
    """Return the words in one of LANGUAGES, by name."""
    column = list(LANGUAGES).index(language)
    return {name: row[column] for name, row in _ROWS.items()}
