"""LINE's dialogue about the phone number: the code by SMS, every 180 days, or a new number.

https://developers.line.biz/en/docs/partner-docs/line-notification-messages/flow-when-receiving-message/
"""

from __future__ import annotations

import secrets

from lineportal.simulator import chat
from lineportal.simulator.given import NotUsable
from lineportal.simulator.people import People, Person, SmsCheck, checked_phone

# LINE does not publish how often one may try.
TRIES = 5


def ask_code(person: Person, people: People, at: float, *, phone: str = "") -> None:
    """Send an SMS with a new code to the person's number, or to one they change to.

    Raises NotUsable where no check is due and the number stays, or the new number is not free.
    """
    changes = bool(phone) and phone != person.phone
    if changes:
        holder = people.find(checked_phone(phone))
        if holder is not None and holder is not person:
            raise NotUsable("Somebody else here has this phone number.")
    elif not person.phone:
        raise NotUsable('This person has no phone number yet; give "phone".')
    elif not person.sms_check_is_due(at):
        raise NotUsable("No SMS check is due; LINE asks every 180 days.")
    to = phone if changes else person.phone or ""
    person.sms = SmsCheck(f"{secrets.randbelow(1_000_000):06}", to)
    chat.tell(person, "sms_code", chat.SMS_CODE.format(phone=to, code=person.sms.code), at)


def check_code(person: Person, code: str) -> None:
    """Raise NotUsable unless this is the code; too many wrong ones make it void."""
    check = person.sms
    if check is None:
        raise NotUsable("No code was sent that could be entered; ask for one.")
    if code != check.code:
        check.wrong += 1
        if check.wrong >= TRIES:
            person.sms = None
            raise NotUsable("The code is wrong, too many times now; ask for a new one.")
        raise NotUsable(f"The code is wrong; {TRIES - check.wrong} tries are left.")


def passed(person: Person, people: People, at: float) -> bool:
    """Note that the code was right; gives whether the number was changed with it."""
    check = person.sms
    changed = check is not None and check.phone != person.phone
    if check is not None and check.phone != person.phone:
        people.change_phone(person, check.phone)
    person.sms = None
    person.sms_verified_at = at
    chat.tell(person, "confirmation", chat.PHONE_CHANGED if changed else chat.VERIFIED, at)
    return changed
