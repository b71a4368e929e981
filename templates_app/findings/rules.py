"""The rules: one `Rule` each with code, severity by kind of template, sentence and source.

To add one: write what it looks for in looks.py, add it to RULES, to docs/findings.md, to the
glossary, and translate its sentence (`make messages`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from templates_app.findings import looks
from templates_app.findings.looks import Hit
from templates_app.findings.places import Page

# From the gravest down: a blocking finding bars submit unless it is waived.
SEVERITIES = ("blocking", "warning", "note")

Look = Callable[[Page, Sequence[Mapping[str, Any]]], list[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked for. A severity of "" means: not looked for in such a template."""

    code: str  # stored with waivers and shown in the API: never rename
    sentence: Promise  # may hold %(excerpt)s
    source: str  # where the rule comes from
    look: Look
    lon: str = ""  # severity in a notification
    oa: str = ""  # severity in a two-way transactional message
    oa_marketing: str = ""
    two_way_sentence: Promise | None = None

    def severity(self, page: Page) -> str:
        """Return how grave this is in such a template, or ""."""
        if page.service == "lon":
            return self.lon
        return self.oa_marketing if page.category == "marketing" else self.oa


_LINE_LON = "LINE, LINE Official Notification: overview (no commercial or advertising use)"
_INFOBIP = "Infobip, LINE compliance and message types (no promotional wording)"
_BELONGS_TO_MARKETING = _(
    "“%(excerpt)s” promotes something; this belongs to a template of category marketing."
)


def _promotion(code: str, sentence: Promise, source: str) -> Rule:
    return Rule(
        code, sentence, source, looks.promotion(code), lon="blocking", oa="warning",
        two_way_sentence=_BELONGS_TO_MARKETING,
    )  # fmt: skip


RULES = (
    _promotion(
        "promotional_discount",
        _("“%(excerpt)s” offers a discount. LINE turns down promotion in a notification:"
          " take it out, or send it two-way as marketing."),
        _LINE_LON,
    ),
    _promotion(
        "promotional_gift",
        _("“%(excerpt)s” promises a gift, a prize or something free. LINE turns down promotion in"
          " a notification: take it out, or send it two-way as marketing."),
        _LINE_LON,
    ),
    _promotion(
        "promotional_price",
        _("“%(excerpt)s” uses a price to attract. State only amounts of the reader's own"
          " transaction, each as an item."),
        _INFOBIP,
    ),
    _promotion(
        "promotional_urgency",
        _("“%(excerpt)s” presses the reader to hurry for an offer. State a deadline only where it"
          " is the reader's own."),
        _INFOBIP,
    ),
    _promotion(
        "promotional_invitation",
        _("“%(excerpt)s” invites to buy, visit, join or try, or praises something. A notification"
          " only tells of the reader's own transaction: take it out."),
        _LINE_LON,
    ),
    Rule(
        "shortened_link",
        _("“%(excerpt)s” is a shortened link and hides where it leads. Give the whole address on"
          " your own domain."),
        "House rule: the reviewer must see where a link leads",
        looks.shortened_links,
        lon="blocking", oa="warning", oa_marketing="warning",
    ),
    Rule(
        "link_not_https",
        _("“%(excerpt)s” is no https:// address. A notification opens web pages by https only."),
        "LINE, URI action; Infobip, LINE message types (buttons open a web page only)",
        looks.insecure_links,
        lon="blocking", oa="warning", oa_marketing="warning",
        two_way_sentence=_("“%(excerpt)s” is not encrypted. Use https://."),
    ),
    Rule(
        "image_in_notification",
        _("A notification shows no image, icon or video but LINE's own. Take this one out."),
        "Infobip, LINE message types (no image, audio, video)",
        looks.pictures,
        lon="blocking",
    ),
    Rule(
        "phone_or_email_in_text",
        _("“%(excerpt)s” is a phone number or an e-mail address in the text. Where there is a"
          " button, lead to your contact page instead."),
        "House rule, after Infobip, LINE message types (a button opens a web page)",
        looks.contacts,
        lon="warning",
    ),
    Rule(
        "mixed_languages",
        _("“%(excerpt)s” is not in the template's language. Write one template for each"
          " language."),
        "House rule: one template, one language",
        looks.other_languages,
        lon="warning", oa="warning", oa_marketing="warning",
    ),
    Rule(
        "nothing_personal",
        _("No item shows the person's own transaction; a notification must concern the reader."),
        "LINE for Business Thailand, LINE Official Notification",
        looks.nothing_personal,
        lon="warning",
    ),
    Rule(
        "placeholder_in_title",
        _("The title is fixed after approval; a placeholder in it is usually turned down."),
        "Infobip, LINE message types",
        looks.placeholder_in_title,
        lon="warning",
    ),
    Rule(
        "missing_sample",
        _("The placeholder “%(excerpt)s” has no sample value. The reviewer and LINE judge the"
          " message by its samples: add one."),
        "House rule: the dossier shows the message with sample values",
        looks.missing_samples,
        lon="warning", oa="warning", oa_marketing="warning",
    ),
    Rule(
        "no_contact",
        _("Without a button the message must say how to reach customer service."),
        "Taiwan partners' usage rules for LINE notification messages",
        looks.no_contact,
        lon="warning",
    ),
    Rule(
        "too_long_for_8x8",
        _("All texts together have %(length)d characters; 8x8 takes %(limit)d. Shorten them if"
          " you send by 8x8."),
        "8x8, LINE Official Notification (500 characters in all)",
        looks.too_long,
        lon="note",
    ),
)  # fmt: skip
