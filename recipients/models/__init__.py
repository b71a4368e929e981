"""The people we hold, what we know of them, and how we came to know it."""

from recipients.models.barred import ErasedPhone, Suppression
from recipients.models.imports import (
    ColumnMeaning,
    ImportedPerson,
    ImportPart,
    ImportRefusal,
    RecipientImport,
)
from recipients.models.ledger import (
    ConsentEvidence,
    ConsentRecord,
    LegalBasis,
    LegalBasisKind,
    MarketingOptOut,
    Reachability,
)
from recipients.models.links import Link, LinkCode, LinkConflict, LinkEnd, LinkNonce
from recipients.models.people import Consent, FriendStatus, Recipient, Source
from recipients.models.requests import SubjectRequest

__all__ = [
    "ColumnMeaning",
    "Consent",
    "ConsentEvidence",
    "ConsentRecord",
    "ErasedPhone",
    "FriendStatus",
    "ImportPart",
    "ImportRefusal",
    "ImportedPerson",
    "LegalBasis",
    "LegalBasisKind",
    "Link",
    "LinkCode",
    "LinkConflict",
    "LinkEnd",
    "LinkNonce",
    "MarketingOptOut",
    "Reachability",
    "Recipient",
    "RecipientImport",
    "Source",
    "SubjectRequest",
    "Suppression",
]
