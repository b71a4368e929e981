"""What a template would look like on the wire, and in words, with given values; sends nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from lineportal.accounts.models import Road
from lineportal.providers.base import OutgoingMessage
from lineportal.sending import routing
from lineportal.sending.drawing import unit_name
from recipients.intake import Invalid
from templates_app import rendering
from templates_app.models import MessageTemplate

# Nobody's: a reserved number that no country issues, and an id that LINE never gave.
NOBODY = {"lon": "+999000000000", "oa": "U" + "0" * 32}


def message(template: MessageTemplate, values: Mapping[str, str]) -> Any:
    """Return the message object with the values filled in; a draft is drawn as it stands.

    Raises Invalid where a value is missing.
    """
    drawing = template.bubble or rendering.draw(template.content, service=template.service)
    try:
        return rendering.fill(drawing, values)
    except rendering.MissingValues as error:
        raise Invalid("values", str(error)) from error


def wire(template: MessageTemplate, values: Mapping[str, str]) -> dict[str, Any]:
    """Return `{message, providers: {name: {method, path, headers, body}}}` for the account's road.

    The bytes are those of a real send but for address and reference, which are nobody's.
    """
    body = message(template, values)
    outgoing = OutgoingMessage(
        service=template.service,
        address=NOBODY[template.service],
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        reference=UUID(int=0),
        unit=unit_name(template),
        is_catalogue="templateKey" in body,
    )
    providers = {}
    for road in Road.objects.filter(account_id=template.account_id, service=template.service):
        request = routing.build(road).wire(outgoing)
        providers[road.provider] = {
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "body": json.loads(request.body),
        }
    return {"message": body, "providers": providers}
