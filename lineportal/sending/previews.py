"""What a template would look like on the wire, and in words, with given values; sends nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from lineportal.accounts.models import Road
from lineportal.providers.base import CannotWire, OutgoingMessage
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
    drawing = rendering.drawing_of(template)
    try:
        return rendering.fill(drawing, values)
    except rendering.MissingValues as error:
        raise Invalid("values", str(error)) from error


def wire(template: MessageTemplate, values: Mapping[str, str]) -> dict[str, Any]:
    """Return `{message, providers: {name: {method, path, headers, body}}}` for the account's road.

    Where the road cannot carry it, `{name: {problem}}` says why.
    The bytes are those of a real send but for address and reference, which are nobody's.
    """
    body = message(template, values)
    roads = Road.objects.filter(account_id=template.account_id, service=template.service)
    providers = {road.provider: _on(road, template, body, values) for road in roads}
    return {"message": body, "providers": providers}


def _on(
    road: Road, template: MessageTemplate, body: Any, values: Mapping[str, str]
) -> dict[str, Any]:
    if problem := routing.unfit(road, template):
        return {"problem": problem}
    provider = routing.build(road)
    said = rendering.fill(template.content, values) if provider.draws_itself else body
    outgoing = OutgoingMessage(
        service=template.service,
        address=NOBODY[template.service],
        body=json.dumps(said, ensure_ascii=False, separators=(",", ":")),
        reference=UUID(int=0),
        unit=unit_name(template),
        is_catalogue="templateKey" in said,
    )
    try:
        request = provider.wire(outgoing)
    except CannotWire as problem:
        return {"problem": str(problem)}
    return {
        "method": request.method,
        "path": request.path,
        "headers": dict(request.headers),
        "body": json.loads(request.body),
    }
