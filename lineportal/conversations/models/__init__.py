"""Two-way talk: conversations and what was said, files, and what is answered by itself."""

from lineportal.conversations.models.answering import Answering, AnswerRule, CannedAnswer
from lineportal.conversations.models.grams import Grams
from lineportal.conversations.models.linking import LinkOffer
from lineportal.conversations.models.media import Media, MediaPart
from lineportal.conversations.models.talk import (
    ChatMessage,
    Conversation,
    MessageKind,
    Progress,
    Speaker,
    Way,
)

__all__ = [
    "AnswerRule",
    "Answering",
    "CannedAnswer",
    "ChatMessage",
    "Conversation",
    "Grams",
    "LinkOffer",
    "Media",
    "MediaPart",
    "MessageKind",
    "Progress",
    "Speaker",
    "Way",
]
