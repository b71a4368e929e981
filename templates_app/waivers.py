"""Which findings bar a version from review, and why one of them was waived.

A waiver holds for the words it was given for: the digest changes with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from templates_app import findings
from templates_app.models import MessageTemplate, Waiver

BLOCKING = "blocking"


class Blocked(Exception):
    """Blocking findings are open; `findings` lists them."""

    def __init__(self, open_findings: list[dict[str, str]]) -> None:
        super().__init__(
            _(
                "LINE would turn this down: %(findings)s. Change the words, or waive each finding"
                " with a written reason that the reviewer will see."
            )
            % {
                "findings": "; ".join(
                    f"{each['place']}: {each['excerpt'] or each['sentence']}"
                    for each in open_findings
                )
            }
        )
        self.findings = open_findings


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding and the waiver given for it, if any."""

    finding: dict[str, str]
    waiver: Waiver | None

    @property
    def bars(self) -> bool:
        return self.finding["severity"] == BLOCKING and self.waiver is None


def found_in(template: MessageTemplate) -> list[dict[str, str]]:
    """Return the findings of a version's words as they stand."""
    return findings.find(
        template.content,
        service=template.service,
        category=template.category,
        language=template.language,
        samples=template.samples,
    )


def judged(template: MessageTemplate) -> list[Judged]:
    """Return the findings of a version, each with its waiver."""
    given = {
        waiver.digest: waiver
        for waiver in Waiver.objects.filter(template=template).select_related("by")
    }
    return [Judged(each, given.get(each["digest"])) for each in found_in(template)]


def require_none_open(template: MessageTemplate) -> None:
    """Raise Blocked unless every blocking finding is waived."""
    if barring := [each.finding for each in judged(template) if each.bars]:
        raise Blocked(barring)
