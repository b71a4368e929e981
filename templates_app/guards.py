"""What must hold for templates, kept by the database even against raw SQL."""

from __future__ import annotations

import pgtrigger

from lineportal.audit.guards import append_only, never_truncated
from templates_app import way_out

TEMPLATE_TRIGGERS = [
    pgtrigger.Trigger(
        name="a_template_begins_as_draft",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        condition=~pgtrigger.Q(new__state="draft"),
        func="RAISE EXCEPTION 'lineportal: a template begins as a draft';",
    ),
    pgtrigger.Trigger(
        name="template_moves_follow_the_workflow",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func="""
            IF OLD.state = NEW.state THEN RETURN NEW; END IF;
            IF NOT (
                (OLD.state = 'draft' AND NEW.state = 'submitted')
                OR (OLD.state = 'submitted' AND NEW.state IN ('approved', 'rejected', 'draft')
                    AND NEW.revoked_at IS NULL)
                OR (OLD.state = 'approved' AND NEW.state = 'rejected'
                    AND NEW.revoked_at IS NOT NULL)
            ) THEN
                RAISE EXCEPTION 'lineportal: a template cannot go from % to %',
                    OLD.state, NEW.state;
            END IF;
            IF (NEW.state = 'submitted'
                AND (NEW.submitted_by_id IS NULL OR NEW.submitted_at IS NULL))
               OR (NEW.state = 'rejected'
                   AND (NEW.rejected_by_id IS NULL OR NEW.rejected_at IS NULL)) THEN
                RAISE EXCEPTION 'lineportal: every move names who made it and when';
            END IF;
            IF NEW.state = 'approved' AND EXISTS (
                SELECT 1 FROM templates_app_templateevent event
                WHERE event.template_id = NEW.id AND event.by_id = NEW.approved_by_id
                  AND event.kind IN ('created', 'edited', 'submitted', 'waived')
            ) OR NEW.state = 'approved' AND EXISTS (
                SELECT 1 FROM templates_app_waiver waiver
                WHERE waiver.template_id = NEW.id AND waiver.by_id = NEW.approved_by_id
            ) OR NEW.state = 'approved'
                 AND NEW.approved_by_id IN (NEW.created_by_id, NEW.submitted_by_id)
            THEN
                RAISE EXCEPTION 'lineportal: nobody approves what they wrote or submitted';
            END IF;
            RETURN NEW;
        """,
    ),
    pgtrigger.Trigger(
        name="what_was_decided_on_stays_as_it_was",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func="""
            IF (NEW.account_id, NEW.key, NEW.version, NEW.service, NEW.created_by_id,
                NEW.created_at)
               IS DISTINCT FROM
               (OLD.account_id, OLD.key, OLD.version, OLD.service, OLD.created_by_id,
                OLD.created_at) THEN
                RAISE EXCEPTION 'lineportal: a version keeps its account, key and service';
            END IF;
            IF OLD.state = 'draft' THEN RETURN NEW; END IF;
            IF (NEW.purpose, NEW.category, NEW.language, NEW.content, NEW.placeholders,
                NEW.samples)
               IS DISTINCT FROM
               (OLD.purpose, OLD.category, OLD.language, OLD.content, OLD.placeholders,
                OLD.samples)
               OR (NEW.state <> 'draft' AND (NEW.bubble, NEW.content_hash)
                   IS DISTINCT FROM (OLD.bubble, OLD.content_hash)) THEN
                RAISE EXCEPTION 'lineportal: a % template is never edited', OLD.state;
            END IF;
            IF NEW.state <> 'draft' AND (NEW.submitted_by_id, NEW.submitted_at)
               IS DISTINCT FROM (OLD.submitted_by_id, OLD.submitted_at) THEN
                RAISE EXCEPTION 'lineportal: who submitted a version is never rewritten';
            END IF;
            IF NEW.state = OLD.state
               AND (NEW.approved_by_id, NEW.approved_at, NEW.line_reference, NEW.line_decided_on,
                    NEW.rejected_by_id, NEW.rejected_at, NEW.decided_by, NEW.reason,
                    NEW.revoked_at)
               IS DISTINCT FROM
               (OLD.approved_by_id, OLD.approved_at, OLD.line_reference, OLD.line_decided_on,
                OLD.rejected_by_id, OLD.rejected_at, OLD.decided_by, OLD.reason, OLD.revoked_at)
            THEN
                RAISE EXCEPTION
                    'lineportal: a decision comes with its move, and is never rewritten';
            END IF;
            IF OLD.state IN ('approved', 'rejected')
               AND (NEW.approved_by_id, NEW.approved_at, NEW.line_reference, NEW.line_decided_on)
               IS DISTINCT FROM
               (OLD.approved_by_id, OLD.approved_at, OLD.line_reference, OLD.line_decided_on) THEN
                RAISE EXCEPTION 'lineportal: a decision on file is never rewritten';
            END IF;
            RETURN NEW;
        """,
    ),
    pgtrigger.Trigger(
        name="marketing_offers_a_way_out",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func=f"""
            IF NEW.state IN ('submitted', 'approved') AND NEW.state <> OLD.state
               AND {way_out.lacks_sql("NEW")} THEN
                RAISE EXCEPTION 'lineportal: marketing to friends says how to stop it';
            END IF;
            RETURN NEW;
        """,
    ),
    pgtrigger.Protect(name="templates_are_never_deleted", operation=pgtrigger.Delete),
    never_truncated("templates_are_never_truncated"),
]

WAIVER_TRIGGERS = [
    append_only("waivers_never_change"),
    never_truncated("waivers_are_never_truncated"),
    pgtrigger.Trigger(
        name="only_a_draft_is_waived",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func="""
            IF NOT EXISTS (SELECT 1 FROM templates_app_messagetemplate
                           WHERE id = NEW.template_id AND state = 'draft') THEN
                RAISE EXCEPTION 'lineportal: findings are waived on drafts alone';
            END IF;
            RETURN NEW;
        """,
    ),
]

ENTRY_TRIGGERS = [
    append_only("review_entries_never_change"),
    never_truncated("review_entries_are_never_truncated"),
]

FILE_TRIGGERS = [
    append_only("review_files_never_change"),
    never_truncated("review_files_are_never_truncated"),
]

REMINDER_TRIGGERS = [
    append_only("review_reminders_never_change"),
    never_truncated("review_reminders_are_never_truncated"),
]

BRIEF_TRIGGERS = [
    pgtrigger.Trigger(
        name="a_brief_is_fixed_by_the_decision",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update,
        func="""
            IF TG_OP = 'UPDATE' AND NEW.template_id <> OLD.template_id THEN
                RAISE EXCEPTION 'lineportal: a brief stays with its version';
            END IF;
            IF NOT EXISTS (SELECT 1 FROM templates_app_messagetemplate
                           WHERE id = NEW.template_id AND state IN ('draft', 'submitted')) THEN
                RAISE EXCEPTION 'lineportal: the brief of a decided version is never edited';
            END IF;
            RETURN NEW;
        """,
    ),
    pgtrigger.Protect(name="briefs_are_never_deleted", operation=pgtrigger.Delete),
    never_truncated("briefs_are_never_truncated"),
]

EDITION_TRIGGERS = [
    append_only("catalogue_editions_never_change"),
    never_truncated("catalogue_editions_are_never_truncated"),
]

CATALOGUE_TRIGGERS = [
    pgtrigger.Protect(name="catalogue_keys_are_never_deleted", operation=pgtrigger.Delete),
    never_truncated("catalogue_keys_are_never_truncated"),
]

EVENT_TRIGGERS = [
    pgtrigger.Trigger(
        name="a_template_event_tells_what_happened",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        declare=[("version", "templates_app_messagetemplate%ROWTYPE")],
        # Machines that serve pages may differ by a few minutes.
        func="""
            SELECT * INTO version FROM templates_app_messagetemplate WHERE id = NEW.template_id;
            IF NOT (CASE NEW.kind
                WHEN 'created' THEN version.state = 'draft' AND NEW.by_id = version.created_by_id
                WHEN 'edited' THEN version.state = 'draft'
                WHEN 'waived' THEN version.state = 'draft'
                WHEN 'recalled' THEN version.state = 'draft'
                WHEN 'submitted' THEN
                    version.state = 'submitted' AND NEW.by_id = version.submitted_by_id
                WHEN 'approved' THEN
                    version.state = 'approved' AND NEW.by_id = version.approved_by_id
                WHEN 'rejected' THEN
                    version.state = 'rejected' AND NEW.by_id = version.rejected_by_id
                    AND version.revoked_at IS NULL
                WHEN 'revoked' THEN
                    version.state = 'rejected' AND NEW.by_id = version.rejected_by_id
                    AND version.revoked_at IS NOT NULL
                WHEN 'revised' THEN version.state IN ('approved', 'rejected')
                ELSE true
            END) THEN
                RAISE EXCEPTION 'lineportal: this did not happen to the version: %', NEW.kind;
            END IF;
            IF NEW.content_hash <> version.content_hash THEN
                RAISE EXCEPTION 'lineportal: an event holds the hash that its version has';
            END IF;
            IF EXISTS (SELECT 1 FROM templates_app_templateevent event
                       WHERE event.template_id = NEW.template_id
                         AND (event.at > NEW.at + interval '10 minutes'
                              OR (event.kind = NEW.kind
                                  AND NEW.kind IN ('created', 'approved', 'rejected', 'revoked'))))
            THEN
                RAISE EXCEPTION 'lineportal: the history of a version runs forward';
            END IF;
            RETURN NEW;
        """,
    ),
    append_only("template_events_never_change"),
    never_truncated("template_events_are_never_truncated"),
]
