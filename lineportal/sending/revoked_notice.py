"""Tell who made or started campaigns that their template was revoked, and why, by e-mail.

One job for each person, deferred in the transaction that revokes: no letter of what was rolled
back, and one that fails is tried again without writing to the others twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.sending import lanes, mails
from lineportal.sending.models import Campaign
from templates_app.models import MessageTemplate

VIEW = "sending.view_campaign"
_STOPPED = (Campaign.State.RUNNING, Campaign.State.PAUSED, Campaign.State.SCHEDULED)
_NAMED = 50  # campaigns in one letter


def stopped(template: MessageTemplate) -> list[Campaign]:
    """Return the campaigns that a revocation stops: they run, wait for their time, or pause."""
    return list(Campaign.objects.filter(template=template, state__in=_STOPPED).order_by("pk"))


def defer(template: MessageTemplate, campaigns: Iterable[Campaign]) -> None:
    """Have everybody who made or started these told, once the transaction is committed."""
    told: dict[int, list[int]] = {}
    for campaign in campaigns:
        for user_id in {campaign.created_by_id, campaign.started_by_id}:
            if user_id is not None:
                told.setdefault(user_id, []).append(campaign.pk)
    for user_id, campaign_ids in sorted(told.items()):
        lanes.tell_revoked(template.pk, user_id, campaign_ids)


def mail(template_id: int, user_id: int, campaign_ids: list[int]) -> EmailMessage | None:
    """Return what to write to one person; None: no address, or no right to see it any more."""
    template = MessageTemplate.objects.get(pk=template_id)
    user = User.objects.get(pk=user_id)
    campaigns = list(Campaign.objects.filter(pk__in=campaign_ids).order_by("pk"))
    may_see = user.is_active and access.may(user, VIEW, template.account_id)
    if template.revoked_at is None or not (may_see and campaigns):
        return None
    name = _("“%(key)s”, version %(version)d") % {"key": template.key, "version": template.version}
    listed = [f"- {each.name}: {_link(each)}" for each in campaigns[:_NAMED]]
    if more := len(campaigns) - len(listed):
        listed.append(_("- and %(n)d more") % {"n": more})
    paragraphs = [
        _("The approval of the template %(name)s was taken back on %(moment)s UTC.")
        % {"name": name, "moment": f"{template.revoked_at:%Y-%m-%d %H:%M}"},
        _("The reason: %(reason)s") % {"reason": template.reason},
        _("Nothing more is sent on it. These campaigns are stopped, and what they had queued is"
          " cancelled:") + "\n" + "\n".join(listed),
        _("They cannot go on: cancel each, and start one on an approved version."),
        _("The template: %(link)s") % {"link": mails.template_link(template)},
    ]  # fmt: skip
    subject = _("Revoked: the template %(name)s; your campaigns on it are stopped") % {"name": name}
    return mails.write(user, subject, paragraphs)


def _link(campaign: Campaign) -> str:
    page = reverse("admin:sending_campaign_change", args=[campaign.pk])
    return f"{settings.PUBLIC_URL}{page}"
