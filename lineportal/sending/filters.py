"""The people of an account that a campaign's filter names, before any rule is applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from lineportal.accounts.models import OfficialAccount
from recipients import phones, words
from recipients.models import Consent, FriendStatus, Recipient

FILTERS = ("consent", "friend_status", "phones", "line_user_ids", "recipients", "attributes")


class InvalidAudience(Exception):
    """The audience cannot be understood; the text says what it may hold."""


def people(account: OfficialAccount, audience: Mapping[str, Any]) -> QuerySet[Recipient]:
    """Return the account's recipients that a filter names; `{}` names everyone.

    Raises InvalidAudience.
    """
    rows = Recipient.objects.filter(account=account)
    if unknown := sorted(set(audience) - set(FILTERS)):
        raise InvalidAudience(
            _("Unknown filter: %(names)s. Known are: %(known)s.")
            % {"names": ", ".join(unknown), "known": ", ".join(FILTERS)}
        )
    for name, known in (
        ("consent", Consent.values),
        ("friend_status", FriendStatus.values),
    ):
        if name in audience:
            chosen = _listed(audience[name], name)
            if wrong := sorted(set(chosen) - set(known)):
                raise InvalidAudience(
                    _("Unknown %(name)s: %(wrong)s. Use: %(known)s.")
                    % {
                        "name": name,
                        "wrong": ", ".join(wrong),
                        "known": ", ".join(known),
                    }
                )
            rows = rows.filter(**{f"{name}__in": chosen})
    if "phones" in audience:
        try:
            numbers = [
                phones.read(text, country=account.country).e164
                for text in _listed(audience["phones"], "phones")
            ]
        except phones.UnreadablePhone as error:
            raise InvalidAudience(_("In “phones”: %s.") % error) from error
        rows = rows.filter(phone__in=numbers)
    if "line_user_ids" in audience:
        try:
            ids = [
                words.line_user_id(text)
                for text in _listed(audience["line_user_ids"], "line_user_ids")
            ]
        except words.UnreadableUserId as error:
            raise InvalidAudience(_("In “line_user_ids”: %s.") % error) from error
        rows = rows.filter(line_user_id__in=ids)
    if "recipients" in audience:
        chosen_ids = audience["recipients"]
        if not isinstance(chosen_ids, list) or not all(
            isinstance(pk, int) and 0 <= pk < 2**63 for pk in chosen_ids
        ):
            raise InvalidAudience(_("“recipients” is a list of recipient ids."))
        rows = rows.filter(pk__in=chosen_ids)
    if "attributes" in audience:
        wanted = audience["attributes"]
        if not isinstance(wanted, dict) or not all(isinstance(v, str) for v in wanted.values()):
            raise InvalidAudience(_("“attributes” is an object of names and texts."))
        rows = rows.filter(attributes__contains=wanted)
    return rows


def _listed(value: Any, name: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidAudience(_("“%(name)s” is a text or a list of texts.") % {"name": name})
    return texts
