"""What must hold for campaigns and messages, kept by the database even against raw SQL.

A million messages go in by one statement, so their triggers are statement-level and look at the
transition tables once.
"""

from __future__ import annotations

import pgtrigger

from lineportal.audit.guards import append_only, never_truncated
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
        func="""
            IF EXISTS (
                SELECT 1 FROM new_rows message
                LEFT JOIN recipients_recipient recipient
                  ON recipient.id = message.recipient_id
                 AND recipient.account_id = message.account_id
                WHERE recipient.id IS NULL
            ) THEN
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
        func=f"""
            IF EXISTS (
                SELECT 1 FROM old_rows o JOIN new_rows n ON n.id = o.id
                WHERE o.status <> n.status
                  AND (o.status, n.status) NOT IN ({_MOVES})
            ) THEN
                RAISE EXCEPTION 'lineportal: a message may not move so';
            END IF;
            IF EXISTS (
                SELECT 1 FROM old_rows o LEFT JOIN new_rows n ON n.id = o.id
                WHERE n.id IS NULL
                   OR (o.account_id, o.campaign_id, o.template_id, o.recipient_id, o.item,
                       o.service, o.body_template_hash)
                      IS DISTINCT FROM
                      (n.account_id, n.campaign_id, n.template_id, n.recipient_id, n.item,
                       n.service, n.body_template_hash)
                   OR ((o.address, o.values) IS DISTINCT FROM (n.address, n.values)
                       AND (n.erased_at IS NULL OR n.address <> '' OR n.values <> '{{}}'))
                   OR ((o.verdict, o.rule, o.rules_version, o.consent, o.friend_status)
                       IS DISTINCT FROM
                       (n.verdict, n.rule, n.rules_version, n.consent, n.friend_status)
                       AND (o.status, n.status) <> ('queued', 'skipped'))
            ) THEN
                RAISE EXCEPTION 'lineportal: what a message is about is frozen';
            END IF;
            IF EXISTS (
                SELECT 1 FROM old_rows o JOIN new_rows n ON n.id = o.id
                JOIN templates_app_messagetemplate template ON template.id = n.template_id
                WHERE o.status <> n.status AND n.status IN ('sending', 'queued')
                  AND n.status <> o.status
                  AND NOT (o.status = 'sending' AND n.status = 'queued')
                  AND template.state <> 'approved'
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
                SELECT n.campaign_id, n.status, n.rule, 1 AS n
                FROM old_rows o JOIN new_rows n ON n.id = o.id
                WHERE (o.status, o.rule) <> (n.status, n.rule) AND n.campaign_id IS NOT NULL
                UNION ALL
                SELECT o.campaign_id, o.status, o.rule, -1
                FROM old_rows o JOIN new_rows n ON n.id = o.id
                WHERE (o.status, o.rule) <> (n.status, n.rule) AND o.campaign_id IS NOT NULL
            ) moved GROUP BY 1, 2, 3;
            RETURN NULL;
        """,
    ),
    pgtrigger.Protect(name="messages_are_never_deleted", operation=pgtrigger.Delete),
    never_truncated("messages_are_never_truncated"),
]

ATTEMPT_TRIGGERS = [
    append_only("attempts_never_change"),
    never_truncated("attempts_are_never_truncated"),
]
