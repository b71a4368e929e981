"""The control side of the partners, /simulator/infobip/... and /simulator/8x8/...

Wrong input gets 400 and {"error": "<one sentence>"}, as on the rest of the control side.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from lineportal.simulator import eight_by_eight, infobip_senders, infobip_status
from lineportal.simulator.control import Act, NotHere, answered, query_number
from lineportal.simulator.given import Fields, NotUsable, parsed
from lineportal.simulator.infobip_reports import new_id
from lineportal.simulator.infobip_senders import Sender
from lineportal.simulator.world import World


def routes(world: World) -> list[web.RouteDef]:
    """Return the routes of the partners' control side, steering this world."""
    infobip, eight = _InfobipControl(world), _EightByEightControl(world)
    table: tuple[tuple[str, str, Act], ...] = (
        ("GET", "/simulator/infobip", infobip.show),
        ("PUT", "/simulator/infobip", infobip.put),
        ("GET", "/simulator/infobip/senders/", infobip.list_senders),
        ("PUT", "/simulator/infobip/senders/{sender}", infobip.put_sender),
        ("POST", "/simulator/infobip/senders/{sender}/inbound", infobip.write),
        ("GET", "/simulator/infobip/messages", infobip.list_messages),
        ("POST", "/simulator/infobip/reports", infobip.report),
        ("GET", "/simulator/infobip/webhooks", infobip.list_webhooks),
        ("GET", "/simulator/8x8/subaccounts/", eight.list_accounts),
        ("PUT", "/simulator/8x8/subaccounts/{account}", eight.put_account),
        ("GET", "/simulator/8x8/messages", eight.list_messages),
        ("POST", "/simulator/8x8/reports", eight.report),
        ("GET", "/simulator/8x8/webhooks", eight.list_webhooks),
    )
    return [web.route(method, path, answered(act)) for method, path, act in table]


class _InfobipControl:
    def __init__(self, world: World) -> None:
        self._world = world

    async def show(self, request: web.Request) -> Any:
        return self._world.infobip.conduct.shown()

    async def put(self, request: web.Request) -> Any:
        reports = self._world.infobip.reports
        reports.conduct = infobip_senders.read_conduct(
            parsed(await request.read()), reports.conduct
        )
        return reports.conduct.shown()

    async def list_senders(self, request: web.Request) -> Any:
        return {"senders": [s.shown() for s in self._world.infobip.senders.values()]}

    async def put_sender(self, request: web.Request) -> Any:
        name = request.match_info["sender"]
        return self._world.infobip.put_sender(name, parsed(await request.read())).shown()

    async def write(self, request: web.Request) -> Any:
        sender = self._sender(request)
        fields = Fields(parsed(await request.read()), "The body", ("from", "text"))
        if not fields.text("from") or not fields.text("text"):
            raise NotUsable('Give "from", a phone or a LINE user id, and "text".')
        person = self._world.line.find(fields.text("from"))
        if person is None:
            raise NotHere("Nobody here has this phone (with its plus sign) or LINE user id.")
        at = self._world.clock.now()
        message = {
            "type": "TEXT",
            "timestamp": int(at * 1_000),
            "replyToken": new_id(),
            "text": fields.text("text"),
        }
        if not self._world.infobip.receive(sender, person.user_id, message, at):
            raise NotUsable('The sender has no "webhook_url" and no "inbound_url".')
        return {"message": message, "settled": await self._world.settled()}

    async def list_messages(self, request: web.Request) -> Any:
        after, limit = query_number(request, "after", 0), query_number(request, "limit", 10_000)
        found = [m for m in self._world.infobip.messages if m.n > after][:limit]
        return {"messages": [message.shown() for message in found]}

    async def report(self, request: web.Request) -> Any:
        given = parsed(await request.read())
        fields = Fields(given, "The body", ("message_id", "status", "error"))
        sent = self._world.infobip.find(fields.text("message_id"))
        if sent is None:
            raise NotHere('No message of Infobip has this "message_id".')
        outcome = infobip_status.read_outcome(
            {name: fields.raw(name) for name in ("status", "error")}, "The body"
        )
        self._world.infobip.report(sent, outcome, self._world.clock.now())
        return {"message": sent.shown(), "settled": await self._world.settled()}

    async def list_webhooks(self, request: web.Request) -> Any:
        limit = query_number(request, "limit", 1_000)
        return {"sent": self._world.courier.shown("infobip", limit)}

    def _sender(self, request: web.Request) -> Sender:
        sender = self._world.infobip.senders.get(request.match_info["sender"])
        if sender is None:
            raise NotHere("Infobip has no such sender here; PUT it first.")
        return sender


class _EightByEightControl:
    def __init__(self, world: World) -> None:
        self._world = world

    async def list_accounts(self, request: web.Request) -> Any:
        accounts = self._world.eight_by_eight.accounts.values()
        return {"subaccounts": [account.shown() for account in accounts]}

    async def put_account(self, request: web.Request) -> Any:
        account_id = request.match_info["account"]
        value = parsed(await request.read())
        return self._world.eight_by_eight.put_account(account_id, value).shown()

    async def list_messages(self, request: web.Request) -> Any:
        after, limit = query_number(request, "after", 0), query_number(request, "limit", 10_000)
        found = [m for m in self._world.eight_by_eight.messages if m.n > after][:limit]
        return {"messages": [message.shown() for message in found]}

    async def report(self, request: web.Request) -> Any:
        fields = Fields(parsed(await request.read()), "The body", ("umid", "status"))
        umid, messages = fields.text("umid"), self._world.eight_by_eight.messages
        message = next((m for m in reversed(messages) if m.umid == umid), None)
        if message is None:
            raise NotHere('No message of 8x8 has this "umid".')
        status = eight_by_eight.read_status(fields.raw("status"), '"status"')
        self._world.eight_by_eight.report(message, status, self._world.clock.now())
        return {"message": message.shown(), "settled": await self._world.settled()}

    async def list_webhooks(self, request: web.Request) -> Any:
        limit = query_number(request, "limit", 1_000)
        return {"sent": self._world.courier.shown("8x8", limit)}
