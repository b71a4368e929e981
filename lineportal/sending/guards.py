"""What must hold for campaigns and messages, kept by the database even against raw SQL.

A million messages go in by one statement, so their triggers are statement-level and look at the
transition tables once.
"""

from __future__ import annotations

import pgtrigger

from lineportal.audit.guards import never_truncated
from lineportal.sending.statuses import SOURCES

_MOVES = ", ".join(
    f"('{source.value}', '{target.value}')"
    for target, sources in SOURCES.items()
    for source in sorted(sources)
)

CAMPAIGN_TRIGGERS = [
    pgtrigger.Trigger(
        name="a_campaign_and_its_template_share_an_account",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        func="""
            IF NOT EXISTS (
                SELECT 1 FROM templates_app_messagetemplate template
                WHERE template.id = NEW.template_id AND template.account_id = NEW.account_id
            ) THEN
                RAISE EXCEPTION 'lineportal: campaign and template belong to different accounts';
            END IF;
            IF TG_OP = 'UPDATE' AND OLD.frozen_at IS NOT NULL AND (
                NEW.account_id, NEW.template_id, NEW.audience, NEW.values, NEW.frozen_at
            ) IS DISTINCT FROM (
                OLD.account_id, OLD.template_id, OLD.audience, OLD.values, OLD.frozen_at
            ) THEN
                RAISE EXCEPTION 'lineportal: a started campaign is frozen';
            END IF;
            RETURN NEW;
        """,
    ),
    pgtrigger.Trigger(
        name="a_campaign_runs_on_an_approved_template",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Q(new__state="running"),
        func="""
            IF NOT EXISTS (
                SELECT 1 FROM templates_app_messagetemplate template
                WHERE template.id = NEW.template_id AND template.state = 'approved'
            ) THEN
                RAISE EXCEPTION 'lineportal: only an approved template is sent';
            END IF;
            RETURN NEW;
        """,
    ),
    pgtrigger.Protect(
        name="a_started_campaign_is_never_deleted",
        operation=pgtrigger.Delete,
        condition=pgtrigger.Q(old__frozen_at__isnull=False),
    ),
]

MESSAGE_TRIGGERS = [
    pgtrigger.Trigger(
        name="new_messages_agree_with_their_account",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        # EXECUTE: planned for the rows at hand. A kept plan was made when the tables were small.
        declare=[("is_wrong", "boolean")],
        func="""
            EXECUTE '
                SELECT EXISTS (
                    SELECT 1 FROM new_rows message
                    LEFT JOIN recipients_recipient recipient
                      ON recipient.id = message.recipient_id
                     AND recipient.account_id = message.account_id
                    WHERE recipient.id IS NULL
                )' INTO is_wrong;
            IF is_wrong THEN
                RAISE EXCEPTION 'lineportal: message and recipient belong to different accounts';
            END IF;
            IF EXISTS (
                SELECT 1 FROM (
                    SELECT DISTINCT account_id, campaign_id, template_id, service,
                           status <> 'skipped' AS is_for_sending
                    FROM new_rows
                ) message
                LEFT JOIN templates_app_messagetemplate template
                  ON template.id = message.template_id
                 AND template.account_id = message.account_id
                 AND template.service = message.service
                LEFT JOIN sending_campaign campaign ON campaign.id = message.campaign_id
                WHERE template.id IS NULL
                   OR (message.is_for_sending AND template.state <> 'approved')
                   OR (message.campaign_id IS NOT NULL AND (
                        campaign.id IS NULL OR campaign.account_id <> message.account_id
                        OR campaign.template_id <> message.template_id))
            ) THEN
                RAISE EXCEPTION
                    'lineportal: messages need an approved template of their own account';
            END IF;
            IF EXISTS (
                SELECT 1 FROM new_rows WHERE status NOT IN ('queued', 'skipped')
                   OR (status = 'skipped') <> (verdict = 'excluded')
                   OR (status = 'skipped') <> (rule <> '')
            ) THEN
                RAISE EXCEPTION 'lineportal: a message begins as queued, or skipped by a rule';
            END IF;
            RETURN NULL;
        """,
    ),
    pgtrigger.Trigger(
        name="messages_move_by_the_table",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
        # Old and new are brought together by grouping, never by a join: its plan is made for the
        # first statement's few rows, kept, and quadratic for the million of a later one.
        declare=[("is_wrong", "boolean"), ("is_reworded", "boolean"), ("leaving", "bigint[]")],
        func=f"""
            SELECT bool_or(was <> now AND (
                       (was, now) NOT IN ({_MOVES})
                       OR (now = 'delivered' AND attempts = 0))),
                   -- An erased person's item may have been their name or number.
                   bool_or(old_item <> new_item AND (
                       erased_at IS NULL OR new_item <> 'erased ' || id)),
                   array_agg(DISTINCT template_id) FILTER (
                       WHERE was <> now AND now IN ('sending', 'queued')
                       AND (was, now) <> ('sending', 'queued'))
            INTO is_wrong, is_reworded, leaving
            FROM (
                SELECT id, max(template_id) AS template_id, max(service) AS service,
                       max(attempts) AS attempts, max(status) FILTER (WHERE is_old) AS was,
                       max(status) FILTER (WHERE NOT is_old) AS now,
                       max(item) FILTER (WHERE is_old) AS old_item,
                       max(item) FILTER (WHERE NOT is_old) AS new_item,
                       max(erased_at) FILTER (WHERE NOT is_old) AS erased_at
                FROM (SELECT *, true AS is_old FROM old_rows
                      UNION ALL SELECT *, false FROM new_rows) versions
                GROUP BY id
            ) moved;
            IF is_wrong THEN
                RAISE EXCEPTION 'lineportal: a message may not move so';
            END IF;
            -- What stayed the same is there twice, once old and once new.
            IF is_reworded OR EXISTS (
                SELECT 1 FROM (SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows) versions
                GROUP BY id, account_id, campaign_id, template_id, recipient_id, service,
                         body_template_hash
                HAVING count(*) = 1
            ) OR EXISTS (
                SELECT 1 FROM (SELECT *, true AS is_old FROM old_rows
                               UNION ALL SELECT *, false FROM new_rows) versions
                GROUP BY id, address, values
                HAVING count(*) = 1 AND NOT bool_or(is_old)
                   AND (address <> '' OR values <> '{{}}' OR (max(erased_at) IS NULL AND (
                       max(values_dropped_at) IS NULL OR max(status) IN ('queued', 'sending'))))
            ) OR EXISTS (
                SELECT 1 FROM (SELECT *, true AS is_old FROM old_rows
                               UNION ALL SELECT *, false FROM new_rows) versions
                GROUP BY id, verdict, rule, rules_version, consent, friend_status
                HAVING count(*) = 1
                   AND max(status) <> CASE WHEN bool_or(is_old) THEN 'queued' ELSE 'skipped' END
            ) THEN
                RAISE EXCEPTION 'lineportal: what a message is about is frozen';
            END IF;
            IF EXISTS (
                SELECT 1 FROM templates_app_messagetemplate template
                WHERE template.id = ANY(leaving) AND template.state <> 'approved'
            ) THEN
                RAISE EXCEPTION 'lineportal: only an approved template is sent';
            END IF;
            RETURN NULL;
        """,
    ),
    pgtrigger.Trigger(
        name="tally_new_messages",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func="""
            INSERT INTO sending_tally (campaign_id, status, rule, n)
            SELECT campaign_id, status, rule, count(*) FROM new_rows
            WHERE campaign_id IS NOT NULL GROUP BY 1, 2, 3;
            RETURN NULL;
        """,
    ),
    pgtrigger.Trigger(
        name="tally_moved_messages",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
        func="""
            INSERT INTO sending_tally (campaign_id, status, rule, n)
            SELECT campaign_id, status, rule, sum(n) FROM (
                SELECT campaign_id, status, rule, 1 AS n FROM new_rows
                UNION ALL
                SELECT campaign_id, status, rule, -1 FROM old_rows
            ) moved WHERE campaign_id IS NOT NULL GROUP BY 1, 2, 3 HAVING sum(n) <> 0;
            RETURN NULL;
        """,
    ),
    pgtrigger.Protect(name="messages_are_never_deleted", operation=pgtrigger.Delete),
    never_truncated("messages_are_never_truncated"),
]

ATTEMPT_TRIGGERS = [
    pgtrigger.Trigger(
        name="attempts_never_change",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        # But the provider's words, which may name the person, can be taken out.
        func="""
            IF NEW.detail = '' AND to_jsonb(NEW) - 'detail' = to_jsonb(OLD) - 'detail' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'lineportal: a finished attempt never changes';
        """,
    ),
    pgtrigger.Protect(name="attempts_are_never_deleted", operation=pgtrigger.Delete),
    never_truncated("attempts_are_never_truncated"),
]
