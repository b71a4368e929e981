"""Files that customers sent: in the database, in parts, under no address of the web server."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lineportal.conversations.models.talk import ChatMessage


class Media(models.Model):
    """The file of one message: what was claimed of it, what it is, and what became of fetching."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Being fetched")
        KEPT = "kept", _("Kept")
        REFUSED = "refused", _("Not kept")  # too large, or of a kind that is not taken
        GONE = "gone", _("No longer at LINE")
        DELETED = "deleted", _("Deleted")  # taken back, erased, or past its period

    message = models.OneToOneField(ChatMessage, models.CASCADE, related_name="media")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    name = models.CharField(max_length=120, blank=True)  # made safe; as its sender called it
    claimed_size = models.BigIntegerField(null=True, blank=True)  # bytes, as its sender's app said
    size = models.PositiveIntegerField(null=True, blank=True)  # bytes that are kept
    content_type = models.CharField(max_length=100, blank=True)  # by its first bytes, not its name
    sha256 = models.CharField(max_length=64, blank=True)
    # Drawn anew by us from a picture that could be read: the only thing ever shown in a page.
    preview = models.BinaryField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)  # why it is not kept, as a sentence
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("file of a message")
        verbose_name_plural = _("files of messages")
        indexes: ClassVar = [
            # What is still to be fetched, oldest first
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="media_waiting"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.get_state_display())


class MediaPart(models.Model):
    """A piece of a kept file, so that none is held in memory as a whole."""

    media = models.ForeignKey(Media, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["media", "number"], name="a_part_of_media_once"),
        ]

    def __str__(self) -> str:
        return f"{self.media_id}/{self.number}"
