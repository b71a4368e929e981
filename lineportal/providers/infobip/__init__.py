"""Infobip's road to LINE: official notifications in Thailand, LINE OA in Taiwan and Thailand."""

from lineportal.providers.infobip.sends import InfobipProvider

__all__ = ["InfobipProvider"]
