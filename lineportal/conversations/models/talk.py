"""A conversation of one person with one Official Account, and each message of it."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.accounts.models import OfficialAccount
from lineportal.conversations.models.grams import Grams
from recipients.models import Recipient


class Conversation(models.Model):
    """All that one person and one account said to each other; the person may be no friend."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        DONE = "done", _("Done")  # a new message of the customer opens it again

    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="conversations")
    recipient = models.OneToOneField(Recipient, models.PROTECT, related_name="conversation")
    name = models.CharField(max_length=100, blank=True)  # as the person's LINE profile says it
    language = models.CharField(max_length=20, blank=True)  # of the profile, BCP 47
    profile_at = models.DateTimeField(null=True, blank=True)  # when the profile was asked for
    state = models.CharField(max_length=4, choices=State, default=State.OPEN)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    unread = models.PositiveIntegerField(default=0)  # messages of the customer nobody opened yet
    # A person of ours answers; nothing is answered by itself until the conversation is done.
    handed_over_at = models.DateTimeField(null=True, blank=True)
    # LINE's newest event said that another module of the channel is in charge: nothing is sent.
    standby_since = models.DateTimeField(null=True, blank=True)
    # The newest token, good for one reply within a minute of its event (LINE).
    reply_token = models.CharField(max_length=200, blank=True)
    reply_token_at = models.DateTimeField(null=True, blank=True)
    reply_tried_at = models.DateTimeField(null=True, blank=True)
    last_heard_at = models.DateTimeField(null=True, blank=True)  # the customer's last word
    last_message_at = models.DateTimeField()
    last_text = models.CharField(max_length=100, blank=True)  # what the list shows of it
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        permissions: ClassVar = [
            ("answer_conversation", "May answer customers, assign and close conversations"),
        ]
        indexes: ClassVar = [
            # The inbox: an account's open conversations, newest first
            models.Index(fields=["account", "state", "-last_message_at"], name="talk_inbox"),
            # The inbox of everybody: newest first
            models.Index(fields=["state", "-last_message_at"], name="talk_newest"),
            # "Mine" in the inbox
            models.Index(
                fields=["assignee", "-last_message_at"],
                condition=Q(assignee__isnull=False),
                name="talk_of_assignee",
            ),
            # Whose profile was never asked for
            models.Index(
                fields=["id"], condition=Q(profile_at__isnull=True), name="talk_without_profile"
            ),
            # Who wrote lately, so that an old profile is asked for again
            models.Index(fields=["last_heard_at"], name="talk_last_heard"),
            # Unread counts of the inbox and of the side bar
            models.Index(fields=["account"], condition=Q(unread__gt=0), name="talk_unread"),
            # Search by words of a name
            GinIndex(Grams(models.F("name")), name="talk_names"),
        ]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="a_conversation_is_with_its_accounts_person",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("account_id", "recipient_id"),
                func="""
                    IF NOT EXISTS (SELECT FROM recipients_recipient person
                                   WHERE person.id = NEW.recipient_id
                                     AND person.account_id = NEW.account_id) THEN
                        RAISE EXCEPTION 'lineportal: the person belongs to another account';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(_("Somebody without a name"))


class Speaker(models.TextChoices):
    """Who said it."""

    CUSTOMER = "customer", _("Customer")
    PERSON = "person", _("Somebody of ours")
    MACHINE = "machine", _("Automatic answer")


class MessageKind(models.TextChoices):
    TEXT = "text", _("Text")
    STICKER = "sticker", _("Sticker")
    IMAGE = "image", _("Picture")
    VIDEO = "video", _("Video")
    AUDIO = "audio", _("Voice")
    FILE = "file", _("File")
    LOCATION = "location", _("Place")
    BUTTON = "button", _("Button pressed")
    FLEX = "flex", _("Flex message")
    OTHER = "other", _("Something else")  # a kind that this version does not know


class Progress(models.TextChoices):
    """What became of a message of ours."""

    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Sending")
    SENT = "sent", _("Sent")
    REFUSED = "refused", _("Refused")  # LINE said that this person cannot get it
    FAILED = "failed", _("Failed")  # our request, account or rules; not sent
    UNCERTAIN = "uncertain", _("Uncertain")  # maybe sent; only a person sends it again


class Way(models.TextChoices):
    REPLY = "reply", _("Reply")  # free, by the token of what the customer did
    PUSH = "push", _("Push")  # counts against the month's quota


class ChatMessage(models.Model):
    """One message of a conversation, of either side."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    account = models.ForeignKey(OfficialAccount, models.PROTECT, related_name="+")
    speaker = models.CharField(max_length=8, choices=Speaker)
    kind = models.CharField(max_length=8, choices=MessageKind)
    text = models.TextField(blank=True)  # what it says; of a place, its title and address
    facts = models.JSONField(default=dict)  # of a sticker, a place, a button or a quote
    # The provider's id; it finds the message of an edit, an unsend or a file. Null: it has none.
    provider_message_id = models.CharField(max_length=100, null=True, blank=True)
    quote_token = models.CharField(max_length=200, blank=True)
    occurred_at = models.DateTimeField()  # LINE's time; of ours, when it was written
    edited_at = models.DateTimeField(null=True, blank=True)
    unsent_at = models.DateTimeField(null=True, blank=True)  # its sender took it back: emptied
    emptied_at = models.DateTimeField(null=True, blank=True)  # by the account's retention

    # Of ours only:
    content = models.JSONField(null=True, blank=True)  # LINE's message object as it goes out
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    cause = models.CharField(max_length=20, blank=True)  # why the machine spoke, in one word
    progress = models.CharField(max_length=9, choices=Progress, blank=True)
    way = models.CharField(max_length=5, choices=Way, blank=True)
    # Sent by a token or not at all: it never counts against the quota.
    is_reply_only = models.BooleanField(default=False, db_default=False)
    # What did not arrive, or maybe not, and is sent anew by this one; a person asked for it.
    again_of = models.OneToOneField(
        "self", models.SET_NULL, null=True, blank=True, related_name="again"
    )
    reference = models.UUIDField(null=True, blank=True, unique=True)  # retry key of its push
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)  # when it is tried (again)
    leased_until = models.DateTimeField(null=True, blank=True)  # while one worker posts it
    # The first push that may have arrived; null again where it surely did not.
    first_tried_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=100, blank=True)
    detail = models.CharField(max_length=300, blank=True)  # the provider's words

    class Meta:
        verbose_name = _("chat message")
        verbose_name_plural = _("chat messages")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "provider_message_id"],
                condition=Q(provider_message_id__isnull=False),
                name="a_chat_message_is_kept_once",
            ),
            models.CheckConstraint(
                condition=Q(speaker="customer", progress="", reference__isnull=True)
                | Q(speaker__in=["person", "machine"], reference__isnull=False) & ~Q(progress=""),
                name="what_is_ours_has_a_progress_and_a_retry_key",
            ),
            models.CheckConstraint(
                condition=Q(unsent_at__isnull=True) | Q(text="", facts={}),
                name="what_was_taken_back_is_emptied",
            ),
        ]
        indexes: ClassVar = [
            # The page of a conversation, from its end
            models.Index(fields=["conversation", "-occurred_at", "-id"], name="talk_in_order"),
            # What the poster has still to do, oldest first
            models.Index(
                fields=["account", "next_at"],
                condition=Q(progress__in=["waiting", "sending"]),
                name="talk_waiting",
            ),
            # What keeps a later message of a conversation waiting, and what a dead worker left
            models.Index(
                fields=["conversation", "id"],
                condition=Q(progress__in=["waiting", "sending"]),
                name="talk_first_to_post",
            ),
            # Retention: what is not emptied yet, oldest first
            models.Index(
                fields=["account", "id"],
                condition=Q(emptied_at__isnull=True),
                name="talk_with_words",
            ),
            # Search by words of what was said
            GinIndex(Grams(models.F("text")), name="talk_words"),
        ]
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="a_chat_message_is_of_its_conversations_account",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("account_id", "conversation_id"),
                func="""
                    IF NOT EXISTS (SELECT FROM conversations_conversation talk
                                   WHERE talk.id = NEW.conversation_id
                                     AND talk.account_id = NEW.account_id) THEN
                        RAISE EXCEPTION 'lineportal: the conversation is of another account';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_speaker_display()}: {self.get_kind_display()}"
