"""Thousands of template versions with their threads, by set-based SQL that every guard sees."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from lineportal.accounts.models import OfficialAccount
from tests import factories

# Drafts and submitted ones are one in each five; the rest is decided.
_DRAFTS = """
INSERT INTO templates_app_messagetemplate
    (account_id, key, version, service, purpose, category, language, content, placeholders,
     state, content_hash, created_by_id, created_at, changed_at, line_reference, decided_by, reason)
SELECT account, 'key-' || n, 1, 'lon', 'Tell customer group ' || n || ' what happened',
       'transactional', (ARRAY['th', 'zh-TW', 'ja', 'en'])[1 + n %% 4],
       jsonb_build_object(
           'title', (ARRAY['พัสดุของคุณมาถึงแล้ว', '您的包裹已送達', 'お荷物が届きました',
                           'Your parcel has arrived'])[1 + n %% 4] || ' ' || n,
           'company', 'Company ' || n,
           'greeting', repeat('เรียน คุณ{{name}} ', 6),
           'emphasis', jsonb_build_object('label', 'เลขพัสดุ', 'value', '{{tracking_no}}'),
           'items', (SELECT jsonb_agg(jsonb_build_object('label', 'ข้อ ' || i,
                                                         'value', md5(n || '.' || i)))
                     FROM generate_series(1, 8) i),
           'explanation', repeat(md5(n::text) || ' ', 8),
           'buttons', jsonb_build_array(jsonb_build_object(
               'label', 'ติดตามพัสดุ', 'url', 'https://example.com/t/' || n))),
       ARRAY['name', 'tracking_no'], 'draft', '', %(author)s,
       %(at)s::timestamptz - make_interval(days => n %% 60),
       %(at)s::timestamptz - make_interval(days => n %% 30), '', '', ''
FROM generate_series(1, %(count)s) n,
     unnest(%(accounts)s::bigint[]) WITH ORDINALITY of (account, place)
WHERE n %% %(accounts_count)s = place - 1
"""
_WRITTEN = """
INSERT INTO templates_app_templateevent (template_id, kind, by_id, at, note, content_hash)
SELECT id, kind, created_by_id, created_at, '', ''
FROM templates_app_messagetemplate, unnest(ARRAY['created', 'edited']) kind
WHERE kind = 'created' OR id %% 2 = 0
"""
_SUBMIT = """
UPDATE templates_app_messagetemplate
SET state = 'submitted', bubble = jsonb_build_object('type', 'bubble', 'body', content),
    content_hash = md5(id::text), submitted_by_id = created_by_id, submitted_at = changed_at
WHERE id %% 100 >= %(drafts)s
"""
_SUBMITTED = """
INSERT INTO templates_app_templateevent (template_id, kind, by_id, at, note, content_hash)
SELECT id, 'submitted', submitted_by_id, submitted_at, '', content_hash
FROM templates_app_messagetemplate WHERE state = 'submitted'
"""
_APPROVE = """
UPDATE templates_app_messagetemplate
SET state = 'approved', approved_by_id = %(reviewer)s, approved_at = changed_at,
    line_reference = 'LINE-' || id, line_decided_on = changed_at::date
WHERE state = 'submitted' AND id %% 100 >= %(open)s AND id %% 2 = 0
"""
_REJECT = """
UPDATE templates_app_messagetemplate
SET state = 'rejected', rejected_by_id = %(reviewer)s, rejected_at = changed_at,
    decided_by = 'line', reason = 'LINE asks for the order number ' || id
WHERE state = 'submitted' AND id %% 100 >= %(open)s
"""
# A question for each, answered for two of three; a dossier for half of what is open at review, by
# fours, so that no language has all of them or none, whatever number comes first.
_QUESTIONS = """
INSERT INTO templates_app_reviewentry (template_id, kind, text, by_id, at, party, answers_id)
SELECT id, 'question', 'Who gets number ' || id || '?', %(reviewer)s, changed_at, '', NULL
FROM templates_app_messagetemplate
"""
_ANSWERS = """
INSERT INTO templates_app_reviewentry (template_id, kind, text, by_id, at, party, answers_id)
SELECT template_id, 'answer', 'ผู้รับพัสดุทุกคน ' || id, %(author)s, at, '', id
FROM templates_app_reviewentry WHERE kind = 'question' AND id %% 3 > 0
"""
_DOSSIERS = """
INSERT INTO templates_app_reviewentry (template_id, kind, text, by_id, at, party, happened_on)
SELECT id, 'dossier_sent', '', %(reviewer)s, changed_at, 'Account manager', changed_at::date
FROM templates_app_messagetemplate WHERE state <> 'draft' AND id / 4 %% 2 = 0
"""


def fill(count: int, *, at: datetime, drafts: int = 10, open_ones: int = 30) -> dict[str, Any]:
    """Make `count` versions on three accounts; `drafts` and `open_ones` are percentages.

    Returns the accounts and the people: an author who wrote all, a reviewer who may decide on all.
    """
    accounts: list[OfficialAccount] = [
        factories.account(f"desk-{country.lower()}", country=country, channel=f"20000000{n}0")
        for n, country in enumerate(("TH", "TW", "JP"))
    ]
    author, reviewer = factories.user("author"), factories.user("reviewer")
    values = {
        "accounts": [account.pk for account in accounts],
        "accounts_count": len(accounts),
        "count": count,
        "author": author.pk,
        "reviewer": reviewer.pk,
        "at": at,
        "drafts": drafts,
        "open": open_ones,
    }
    with connection.cursor() as cursor:
        for statement in (_DRAFTS, _WRITTEN, _SUBMIT, _SUBMITTED):
            cursor.execute(statement, values)
        cursor.execute(_APPROVE, values)
        cursor.execute(_REJECT, values)
        for statement in (_QUESTIONS, _ANSWERS, _DOSSIERS):
            cursor.execute(statement, values)
        cursor.execute("ANALYZE")
    return {"accounts": accounts, "author": author, "reviewer": reviewer}
