"""Messages that are sent at the same time go out as one request, and each keeps its own end."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from lineportal.providers.base import FaultScope, Outcome, SendResult
from tests.providers.contract import TOTAL_SECONDS, session
from tests.providers.misbehaving import (
    Answer,
    Seen,
    answering,
    drop,
    listening,
    read_request,
    serving,
)
from tests.providers.test_infobip import infobip, outgoing

Body = dict[str, Any]


def ids_in(body: bytes) -> list[str]:
    return [each["destinations"][0]["messageId"] for each in json.loads(body)["messages"]]


def taking(
    change: Callable[[list[Body]], list[Body]] = list, names: dict[str, str] | None = None
) -> Answer:
    """Take every message; `names` are statuses (group name, name) by message id."""

    async def answer(request: web.Request) -> web.StreamResponse:
        entries = []
        for message_id in ids_in(await request.read()):
            group, _colon, name = (
                (names or {}).get(message_id, "PENDING:PENDING_ENROUTE").partition(":")
            )
            status = {"groupName": group, "name": name}
            entries.append({"messageId": message_id, "status": status, "destination": "x"})
        return web.json_response({"bulkId": "bulk-1", "messages": change(entries)})

    return answer


def sent(
    answer: Answer, count: int, *, connections: int = 64, **given: str
) -> tuple[list[SendResult], Seen]:
    """Send that many messages at the same time."""

    async def run() -> tuple[list[SendResult], Seen]:
        async with serving(answer) as (url, seen), session(connections) as client:
            provider = infobip(url, is_patient=True, **given)
            calls = [provider.send(client, outgoing(n=n)) for n in range(count)]
            return list(await asyncio.gather(*calls)), seen

    return asyncio.run(run())


def outcomes(results: list[SendResult]) -> list[Outcome]:
    return [each.outcome for each in results]


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(1, "50", [1]), (7, "50", [7]), (120, "50", [50, 50, 20]), (3, "1", [1, 1, 1]),
     (50, "50", [50]), (4, "2", [2, 2])],
)  # fmt: skip
def test_calls_at_the_same_time_are_gathered(count: int, size: str, sizes: list[int]) -> None:
    results, seen = sent(taking(), count, batch_size=size)

    assert outcomes(results) == [Outcome.ACCEPTED] * count
    assert sorted(len(ids_in(body)) for _path, _headers, body in seen.requests) == sorted(sizes)
    assert {each.request_id for each in results} == {"bulk-1"}


def test_in_a_batch_every_entry_has_the_bytes_of_its_own_preview() -> None:
    _results, seen = sent(taking(), 3)

    [(path, headers, body)] = seen.requests
    wires = [infobip().wire(outgoing(n=n)) for n in range(3)]
    entries = [wire.body.removeprefix(b'{"messages":[').removesuffix(b"]}") for wire in wires]
    assert body == b'{"messages":[' + b",".join(entries) + b"]}"
    assert path == wires[0].path
    assert wires[0].headers.items() <= headers.items()


def test_the_two_services_are_not_mixed() -> None:
    async def run() -> Seen:
        async with serving(taking()) as (url, seen), session() as client:
            provider = infobip(url, is_patient=True)
            calls = [
                provider.send(client, outgoing(name, n=n))
                for n in range(3)
                for name in ("lon", "oa")
            ]
            await asyncio.gather(*calls)
            return seen

    paths = [(path, len(ids_in(body))) for path, _headers, body in asyncio.run(run()).requests]
    assert sorted(paths) == [("/line-oa/1/messages", 3), ("/line/1/messages", 3)]


def test_answers_are_matched_by_id_never_by_order() -> None:
    hexes = [outgoing(n=n).reference.hex for n in range(4)]
    names = {hexes[1]: "REJECTED:REJECTED_DND", hexes[2]: "REJECTED:REJECTED_SOURCE"}

    results, _seen = sent(taking(lambda entries: entries[::-1], names), 4)

    assert outcomes(results) == [
        Outcome.ACCEPTED, Outcome.REFUSED, Outcome.FAULT, Outcome.ACCEPTED,
    ]  # fmt: skip
    assert results[2].scope is FaultScope.ACCOUNT


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (lambda entries: entries[1:], {0}),
        (lambda entries: [], {0, 1, 2}),
        (lambda entries: [{**entries[0], "messageId": "other"}, *entries[1:]], {0}),
        (lambda entries: [entries[0], 7, None, entries[2]], {1}),
        (lambda entries: [{"messageId": None}, *entries], set()),
        (lambda entries: [{**entries[0], "messageId": entries[0]["messageId"].upper()},
                          *entries[1:]], set()),
    ],
)  # fmt: skip
def test_what_the_answer_does_not_name_is_uncertain(change: Any, missing: set[int]) -> None:
    results, seen = sent(taking(change), 3)

    assert len(seen.requests) == 1
    for n, result in enumerate(results):
        assert result.outcome is (Outcome.UNCERTAIN if n in missing else Outcome.ACCEPTED)


def test_of_an_answer_that_is_cut_short_the_whole_entries_count() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        whole = await taking()(request)
        assert isinstance(whole, web.Response)
        assert isinstance(whole.body, bytes)
        second = whole.body.index(b'{"messageId"', whole.body.index(b'{"messageId"') + 1)
        return web.Response(body=whole.body[: second + 20])

    results, _seen = sent(cut, 3)

    assert outcomes(results) == [Outcome.ACCEPTED, Outcome.UNCERTAIN, Outcome.UNCERTAIN]


@pytest.mark.parametrize("code", [400, 413])
def test_a_batch_that_is_refused_whole_is_posted_one_by_one(code: int) -> None:
    bad = outgoing(n=2).reference.hex

    async def answer(request: web.Request) -> web.StreamResponse:
        if bad in ids_in(await request.read()):
            violations = [{"property": "messages[0].content.altText", "violation": "is too long"}]
            body = {"errorCode": "E400", "description": "No.", "violations": violations}
            return web.json_response(body, status=code)
        return await taking()(request)

    results, seen = sent(answer, 5)

    assert [(each.outcome, each.scope) for each in results] == [
        (Outcome.ACCEPTED, FaultScope.MESSAGE), (Outcome.ACCEPTED, FaultScope.MESSAGE),
        (Outcome.FAULT, FaultScope.TEMPLATE), (Outcome.ACCEPTED, FaultScope.MESSAGE),
        (Outcome.ACCEPTED, FaultScope.MESSAGE),
    ]  # fmt: skip
    sizes = [len(ids_in(body)) for _path, _headers, body in seen.requests]
    assert sizes == [5, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("answer", "outcome", "scope"),
    [
        (drop, Outcome.UNCERTAIN, FaultScope.MESSAGE),
        (answering(500), Outcome.UNCERTAIN, FaultScope.MESSAGE),
        (answering(200), Outcome.UNCERTAIN, FaultScope.MESSAGE),
        (answering(401), Outcome.FAULT, FaultScope.ACCOUNT),
        (answering(403), Outcome.FAULT, FaultScope.ACCOUNT),
        (answering(429, headers={"Retry-After": "9"}), Outcome.THROTTLED, FaultScope.MESSAGE),
    ],
)
def test_what_befalls_a_request_befalls_all_of_it_once(
    answer: Answer, outcome: Outcome, scope: FaultScope
) -> None:
    results, seen = sent(answer, 3)

    assert [(each.outcome, each.scope) for each in results] == [(outcome, scope)] * 3
    assert len(seen.requests) == 1
    assert len({id(each) for each in results}) == 3
    if outcome is Outcome.THROTTLED:
        assert {each.retry_after_seconds for each in results} == {9.0}


def run_with(work: Callable[[str, Any, Seen], Awaitable[Any]], answer: Answer) -> Any:
    async def run() -> Any:
        async with serving(answer) as (url, seen), session() as client:
            return await work(url, client, seen)

    return asyncio.run(run())


def test_nothing_reached_means_nothing_of_the_batch_was_sent() -> None:
    async def run() -> list[SendResult]:
        async with session() as client:
            provider = infobip("http://nowhere.invalid", is_patient=True)
            calls = [provider.send(client, outgoing(n=n)) for n in range(3)]
            return list(await asyncio.gather(*calls))

    assert outcomes(asyncio.run(run())) == [Outcome.UNAVAILABLE] * 3


def test_who_is_cancelled_before_the_post_is_not_sent_and_the_others_are() -> None:
    async def work(url: str, client: Any, seen: Seen) -> list[SendResult]:
        provider = infobip(url, is_patient=True)
        tasks = [asyncio.create_task(provider.send(client, outgoing(n=n))) for n in range(3)]
        await asyncio.sleep(0)  # all have joined, none is posted
        tasks[1].cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(ends[1], asyncio.CancelledError)
        [(_path, _headers, body)] = seen.requests
        assert ids_in(body) == [outgoing(n=n).reference.hex for n in (0, 2)]
        return [each for each in ends if isinstance(each, SendResult)]

    assert outcomes(run_with(work, taking())) == [Outcome.ACCEPTED] * 2


def test_who_is_cancelled_during_the_post_does_not_end_it_for_the_others() -> None:
    came, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        came.set()
        await go_on.wait()
        return await taking()(request)

    async def work(url: str, client: Any, seen: Seen) -> SendResult:
        provider = infobip(url, is_patient=True)
        first, second = (asyncio.create_task(provider.send(client, outgoing(n=n))) for n in (0, 1))
        await came.wait()
        first.cancel()
        await asyncio.wait([first])
        go_on.set()
        return await second

    assert run_with(work, slow).outcome is Outcome.ACCEPTED


def test_when_nobody_waits_any_more_the_request_is_given_up() -> None:
    async def run() -> None:
        came, given_up = asyncio.Event(), asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            came.set()
            assert await reader.read() == b""  # until the connection is closed
            given_up.set()

        async with listening(silent) as (port, connections), session() as client:
            provider = infobip(f"http://127.0.0.1:{port}", is_patient=True)
            tasks = [asyncio.create_task(provider.send(client, outgoing(n=n))) for n in range(2)]
            await came.wait()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await asyncio.wait_for(given_up.wait(), 10)  # half the time of the call
            assert len(connections) == 1

    asyncio.run(run())


def test_who_comes_after_all_others_were_cancelled_is_sent() -> None:
    async def work(url: str, client: Any, seen: Seen) -> SendResult:
        provider = infobip(url, is_patient=True)
        task = asyncio.create_task(provider.send(client, outgoing()))
        await asyncio.sleep(0)
        task.cancel()
        result = await provider.send(client, outgoing(n=1))
        [(_path, _headers, body)] = seen.requests
        assert ids_in(body) == [outgoing(n=1).reference.hex]
        return result

    assert run_with(work, taking()).outcome is Outcome.ACCEPTED


def test_one_provider_serves_one_event_loop_after_another() -> None:
    provider = infobip("http://127.0.0.1:9", is_patient=True)

    async def left_behind() -> None:
        async with session() as client:
            task = asyncio.create_task(provider.send(client, outgoing()))
            await asyncio.sleep(0)
            assert not task.done()

    async def sent_here() -> SendResult:
        async with serving(taking()) as (url, _seen), session() as client:
            provider.base = url
            return await provider.send(client, outgoing(n=1))

    for _time in range(2):
        asyncio.run(left_behind())
        assert asyncio.run(sent_here()).outcome is Outcome.ACCEPTED


def test_a_session_that_is_closed_meanwhile_sent_nothing() -> None:
    async def work(url: str, client: Any, seen: Seen) -> SendResult:
        task = asyncio.create_task(infobip(url, is_patient=True).send(client, outgoing()))
        await asyncio.sleep(0)
        await client.close()
        return await task

    assert run_with(work, taking()).outcome is Outcome.UNAVAILABLE


def test_each_call_has_its_own_time() -> None:
    """A batch ends with the time of who came first; what is out of time is not begun."""
    now = 100.0

    async def late(request: web.Request) -> web.StreamResponse:
        nonlocal now
        now += 20.0 * 0.8  # on our clock; the batch is refused, too late for singles
        return web.json_response({}, status=400)

    async def work(url: str, client: Any, seen: Seen) -> list[SendResult]:
        provider = infobip(url, is_patient=True)
        provider.clock = lambda: now
        calls = [provider.send(client, outgoing(n=n)) for n in range(2)]
        results = await asyncio.gather(*calls)
        assert len(seen.requests) == 1
        return list(results)

    results = run_with(work, late)
    assert [(each.outcome, each.code) for each in results] == [(Outcome.UNAVAILABLE, "late")] * 2


def test_a_batch_that_hangs_ends_in_time_for_all() -> None:
    async def hanging(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    async def work(url: str, client: Any, seen: Seen) -> float:
        began = asyncio.get_running_loop().time()
        provider = infobip(url)
        calls = [provider.send(client, outgoing(n=n)) for n in range(3)]
        assert outcomes(list(await asyncio.gather(*calls))) == [Outcome.UNCERTAIN] * 3
        return asyncio.get_running_loop().time() - began

    assert run_with(work, hanging) < TOTAL_SECONDS * 4


def test_no_task_is_left_over(caplog: pytest.LogCaptureFixture) -> None:
    async def work(url: str, client: Any, seen: Seen) -> int:
        provider = infobip(url, is_patient=True)
        await asyncio.gather(*(provider.send(client, outgoing(n=n)) for n in range(60)))
        await asyncio.sleep(0)
        return sum("Batches" in repr(each.get_coro()) for each in asyncio.all_tasks())

    assert run_with(work, taking()) == 0
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_numbers_of_the_whole_batch_are_hidden_from_every_result() -> None:
    numbers = [f"+6681234{n:04d}" for n in range(3)]

    async def telling(request: web.Request) -> web.StreamResponse:
        words = " ".join(numbers) + " " + " ".join(each[1:] for each in numbers)
        return web.json_response({"description": f"no: {words}"}, status=500)

    async def work(url: str, client: Any, seen: Seen) -> list[SendResult]:
        provider = infobip(url, is_patient=True)
        calls = [provider.send(client, outgoing(n=n, address=each))
                 for n, each in enumerate(numbers)]  # fmt: skip
        return list(await asyncio.gather(*calls))

    for result in run_with(work, telling):
        assert result.detail.startswith("no: ***")
        assert not any(each[1:] in result.detail for each in numbers)
