"""The thread under a version: what was asked, answered and done about it, in any state.

An entry is never changed. `line_decided` is written by `workflow.approve` and `reject` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from lineportal.accounts import access
from lineportal.audit import chain
from templates_app import attachments, mentions
from templates_app.attachments import Attachment
from templates_app.content import is_storable
from templates_app.models import EntryKind, MessageTemplate, ReviewEntry, ReviewFile

DISCUSS = "templates_app.discuss_messagetemplate"
MILESTONE = "templates_app.record_milestone"

TALK = (EntryKind.COMMENT, EntryKind.QUESTION, EntryKind.ANSWER)
MILESTONES = (EntryKind.PRECHECK_PASSED, EntryKind.DOSSIER_SENT, EntryKind.LINE_ASKED)
SAYABLE = [(kind.value, kind.label) for kind in (*TALK, *MILESTONES)]
ASKING = (EntryKind.QUESTION, EntryKind.LINE_ASKED)  # what an answer can answer
TEXT_LIMIT = 10_000  # characters
PARTY_LIMIT = 200
_EARLIEST = date(2011, 6, 23)  # LINE's first day; an earlier one is a slip of the pen


class Unsayable(Exception):
    """The entry cannot be written as it is. `field` says where."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as a page shows it. `is_open`: it asks, and nobody answered yet."""

    entry: ReviewEntry
    files: Sequence[ReviewFile]
    mentioned: Sequence[User]
    is_open: bool

    @property
    def is_milestone(self) -> bool:
        return self.entry.kind not in TALK


@transaction.atomic
def say(
    template: MessageTemplate,
    kind: str,
    text: str = "",
    *,
    by: User,
    at: datetime,
    files: Sequence[Attachment] = (),
    mentioned: Sequence[User] = (),
    answers: int | None = None,
    party: str = "",
    happened_on: date | None = None,
) -> ReviewEntry:
    """Write one entry; whoever `mentioned` or the text's @names name is kept with it.

    An `answer` names the open question (or LINE's) that it answers; a milestone happened today
    where no day is given; `dossier_sent` needs its day and, as `party`, to whom it went.
    Raises PermissionDenied, Unsayable.
    """
    if kind not in (*TALK, *MILESTONES):
        raise Unsayable("kind", _("Choose one of %(kinds)s; LINE's decision is recorded by"
                                  " approving or rejecting.")
                        % {"kinds": ", ".join((*TALK, *MILESTONES))})  # fmt: skip
    access.require(by, DISCUSS if kind in TALK else MILESTONE, template.account_id)
    text, party = text.strip(), party.strip()
    _check_words(kind, text, party)
    if len(files) > attachments.FILES_LIMIT:
        raise Unsayable("files", attachments.too_many())
    day = _day(template, kind, happened_on, at=at)
    people = list(mentions.candidates(template))
    _check_mentioned(mentioned, people)
    named = {who.pk: who for who in (*mentions.named_in(text, people), *mentioned)}
    asked = _asked(template, kind, answers)
    entry = ReviewEntry.objects.create(
        template_id=template.pk,
        kind=kind,
        text=text,
        answers=asked,
        party=party,
        happened_on=day,
        by=by,
        at=at,
    )
    entry.mentions.set(named.values())
    kept = [attachments.keep(entry, each) for each in files]
    chain.write(
        f"thread.{kind}",
        subject=entry,
        by=by,
        at=at,
        account_id=template.account_id,
        template=template.pk,
        version=template.version,
        answers=asked.pk if asked else None,
        mentioned=sorted(named),
        files=[file.sha256 for file in kept],
        **({"happened_on": day.isoformat()} if day else {}),
    )
    return entry


def read(template: MessageTemplate) -> list[Line]:
    """Return a version's entries, the oldest first, without the bytes of their files."""
    rows = list(
        template.entries.select_related("by", "answers").prefetch_related("mentions").order_by("pk")
    )
    files: dict[int, list[ReviewFile]] = {}
    for file in ReviewFile.objects.filter(entry__template=template).defer("content").order_by("pk"):
        files.setdefault(file.entry_id, []).append(file)
    answered = {row.answers_id for row in rows}
    return [
        Line(
            entry=row,
            files=files.get(row.pk, ()),
            mentioned=list(row.mentions.all()),
            is_open=row.kind in ASKING and row.pk not in answered,
        )
        for row in rows
    ]


def kinds_for(template: MessageTemplate, user: User) -> list[EntryKind]:
    """Return the kinds of entries that this person may write here."""
    may_talk = access.may(user, DISCUSS, template.account_id)
    may_record = access.may(user, MILESTONE, template.account_id)
    return [*(TALK if may_talk else ()), *(MILESTONES if may_record else ())]


def without_address(people: Sequence[User]) -> list[User]:
    """Return those whom no mail can reach."""
    return [who for who in people if not who.email]


def _check_words(kind: str, text: str, party: str) -> None:
    if kind in TALK and not text:
        raise Unsayable("text", _("Write what you want to say."))
    if len(text) > TEXT_LIMIT:
        raise Unsayable(
            "text",
            _("The text is longer than %(limit)d characters; give it as a file.")
            % {"limit": TEXT_LIMIT},
        )
    if len(party) > PARTY_LIMIT:
        raise Unsayable(
            "party", _("Name it in at most %(limit)d characters.") % {"limit": PARTY_LIMIT}
        )
    if not is_storable(text + party):
        raise Unsayable("text", _("A text holds a NUL or half a surrogate pair; take it out."))
    if kind in TALK and party:
        raise Unsayable("party", _("Only a milestone is with somebody; leave it out."))
    if kind == EntryKind.DOSSIER_SENT and not party:
        raise Unsayable("party", _("Say to whom the dossier was sent."))


def _day(
    template: MessageTemplate, kind: str, happened_on: date | None, *, at: datetime
) -> date | None:
    if kind in TALK:
        if happened_on:
            raise Unsayable("happened_on", _("Only a milestone has a day; leave it out."))
        return None
    today = at.astimezone(ZoneInfo(template.account.timezone)).date()
    if kind == EntryKind.DOSSIER_SENT and happened_on is None:
        raise Unsayable("happened_on", _("Say on which day the dossier was sent."))
    if happened_on and happened_on > today:
        raise Unsayable("happened_on", _("This day lies in the future; give the real one."))
    if happened_on and happened_on < _EARLIEST:
        raise Unsayable("happened_on", _("This day lies before LINE began; give the real one."))
    return happened_on or today


def _check_mentioned(mentioned: Sequence[User], people: Sequence[User]) -> None:
    strangers = {who.pk for who in mentioned} - {who.pk for who in people}
    if strangers:
        raise Unsayable("mentions", _("Mention people who may see this account."))


def _asked(template: MessageTemplate, kind: str, answers: int | None) -> ReviewEntry | None:
    if kind != EntryKind.ANSWER:
        return None
    questions = ReviewEntry.objects.filter(template_id=template.pk, kind__in=ASKING)
    asked = questions.filter(pk=answers).first() if answers else None
    if asked is None:
        raise Unsayable("answers", _("Say which question of this version you answer."))
    return asked
