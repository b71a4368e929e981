"""Which account a provider speaks of, where one key there serves several accounts.

A report names our sender. It concerns another account than the one whose address or key brought it
only if that one has the same key, so that no account can say anything of a stranger's messages; or
if we fetched it ourselves, for a provider gives each report once, to whoever asks first.
"""

from __future__ import annotations

from lineportal.accounts import credentials
from lineportal.accounts.models import Road
from lineportal.providers import PROVIDERS


class Senders:
    """What is known of senders while a batch is read; asked of the database when first needed."""

    def __init__(self) -> None:
        self._by_account: dict[tuple[int, str], dict[str, int]] = {}
        self._by_sender: dict[tuple[str, str], int | None] = {}

    def account_of(
        self, account_id: int, provider: str, sender: str, *, is_fetched_report: bool = False
    ) -> int:
        """Return the account that an event of this sender concerns, which `account_id` was told."""
        if not sender or provider not in PROVIDERS or not PROVIDERS[provider].key_setting:
            return account_id
        if is_fetched_report:
            return self._whose(provider, sender) or account_id
        known = self._by_account.get((account_id, provider))
        if known is None:
            known = self._by_account[account_id, provider] = sharing(account_id, provider)
        return known.get(sender, account_id)

    def _whose(self, provider: str, sender: str) -> int | None:
        if (provider, sender) not in self._by_sender:
            roads = Road.objects.filter(provider=provider, sender=sender)
            self._by_sender[provider, sender] = roads.values_list("account_id", flat=True).first()
        return self._by_sender[provider, sender]


def sharing(account_id: int, provider: str) -> dict[str, int]:
    """Return the accounts, by sender, that use a key of this account at the provider."""
    roads = [(road, _key(road)) for road in Road.objects.filter(provider=provider).order_by("pk")]
    own = {key for road, key in roads if key and road.account_id == account_id}
    return {road.sender: road.account_id for road, key in roads if key in own}


def told_with(account_id: int) -> list[int]:
    """Return the account, and all whose deliveries may speak of its people, as they share a key."""
    own = Road.objects.filter(account=account_id).values_list("provider", flat=True)
    shared = [
        sharing(account_id, name)
        for name in set(own)
        if name in PROVIDERS and PROVIDERS[name].key_setting
    ]
    return sorted({account_id, *(other for each in shared for other in each.values())})


def _key(road: Road) -> str:
    """Return a road's key; blank where its credentials cannot be opened, which it says itself."""
    try:
        return credentials.of(road).get(PROVIDERS[road.provider].key_setting, "")
    except credentials.UnreadableCredentials:
        return ""
