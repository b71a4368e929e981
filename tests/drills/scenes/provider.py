"""LINE's side going wrong: down, slow, silent after acceptance, 500s, 429 storms, 401."""

from __future__ import annotations

from collections.abc import Callable

from tests.drills.scenes.stage import TOKEN, Stage, Wrong, phone
from tests.drills.witness import Seen

DOWN_SECONDS = 5.0
STORM_SECONDS = 1.0
LATE_SECONDS = 13.0  # longer than the client waits for an answer


def down(stage: Stage, *, messages: int) -> None:
    """Kill the simulator while POSTs wait for their answers; start it some seconds later."""
    # Fast enough that every connection of both workers waits long before the first gives up.
    stage.begin(people=messages, rate=400)
    stage.until_sent(messages // 4)
    # From here on nothing is accepted, so the log read below misses nothing that was.
    stage.simulator.fault("hang", seconds=60, times=10**9)
    _until_quiet(stage)
    stage.witness.keep()
    stage.simulator.kill()
    stage.let_pass(DOWN_SECONDS)
    stage.simulator.start()
    stage.fill_simulator()
    # So many answers without a word may have stopped the campaign; a person lets it go on.
    if stage.state() == "paused":
        stage.notes.append("paused by the breaker, resumed by a person")
        stage.resume()
    stage.until_finished()
    _spoilt(stage, lambda post: post.status is None)


def slow(stage: Stage, *, messages: int) -> None:
    """Every answer takes seconds."""
    stage.simulator.fault("hang_after_acceptance", seconds=3, times=10**9)
    stage.begin(people=messages, rate=200)
    stage.until_finished()


def silent(stage: Stage, *, messages: int) -> None:
    """Some messages are accepted, but the answer comes after the client has given up."""
    begin = stage.random.randrange(messages - messages // 20)
    late = {phone(n) for n in range(begin, begin + messages // 20)}
    for number in late:
        stage.simulator.fault("hang_after_acceptance", seconds=LATE_SECONDS, phone=number)
    stage.begin(people=messages, rate=200)
    stage.until_finished()
    _spoilt(stage, lambda post: post.phone in late)
    _expect(stage, "uncertain", len(late))


def errors(stage: Stage, *, messages: int) -> None:
    """5 % of the answers are 500, half of them although the message was accepted."""
    struck = [phone(n) for n in stage.random.sample(range(messages), messages // 20)]
    for n, number in enumerate(struck):
        stage.simulator.fault("status", status=500, phone=number, after_acceptance=n % 2 == 0)
    stage.begin(people=messages, rate=200)
    stage.until_finished()
    _spoilt(stage, lambda post: post.status == 500)
    _expect(stage, "uncertain", len(struck))


def throttled(stage: Stage, *, messages: int) -> None:
    """Storms of 429 that last a second, and a channel that is slower than the road believes."""
    stage.begin(people=messages, rate=400)
    for part in (4, 2):
        stage.until_sent(messages // part)
        stage.simulator.fault("status", status=429, times=10**9)
        stage.let_pass(STORM_SECONDS)
        stage.simulator.call("DELETE", "faults")
    stage.simulator.channel(channel_access_token=TOKEN, rate_per_second=100)
    stage.until_finished()
    storms = sum(post.status == 429 for post in stage.witness.read())
    stage.notes.append(f"{storms} times 429")
    _expect(stage, "accepted", messages)


def unauthorised(stage: Stage, *, messages: int) -> None:
    """The access token stops working: the campaign pauses by itself, says why, and goes on."""
    stage.begin(people=messages, rate=200)
    stage.until_sent(messages // 4)
    stage.simulator.channel(channel_access_token=f"{TOKEN}-another", rate_per_second=100_000)
    stage.until(lambda: stage.state() == "paused", "the campaign paused by itself", seconds=15)
    stage.until(lambda: not stage.sending(), "nothing is sending", seconds=30)
    assert stage.campaign
    stage.campaign.refresh_from_db()
    if "Authentication failed" not in stage.campaign.stop_reason:
        raise Wrong(f"the campaign paused, and said only “{stage.campaign.stop_reason}”")
    before = stage.witness.count()
    stage.let_pass(3)
    if stage.witness.count() != before:
        raise Wrong("POSTs went out although the campaign was paused")
    stage.simulator.channel(channel_access_token=TOKEN, rate_per_second=100_000)
    stage.resume()
    stage.until_finished()
    refused = sum(post.status == 401 for post in stage.witness.read())
    stage.notes.append(f"{refused} times 401")
    _expect(stage, "failed", refused)


def _until_quiet(stage: Stage) -> None:
    """Wait until no further POST comes, as every connection waits for an answer."""
    counts: list[int] = []

    def is_quiet() -> bool:
        counts.append(stage.witness.count())
        return len(counts) > 20 and counts[-1] == counts[-20]

    stage.until(is_quiet, "no further POST came", seconds=8)


def _spoilt(stage: Stage, is_spoilt: Callable[[Seen], bool]) -> None:
    """Let those be uncertain, and no others, whose answer was spoilt."""
    phones = {post.phone for post in stage.witness.read() if is_spoilt(post)}
    stage.may_be_uncertain |= {row.id for row in stage.rows() if row.phone in phones}


def _expect(stage: Stage, status: str, count: int) -> None:
    found = sum(row.status == status for row in stage.rows())
    if found != count:
        raise Wrong(f"{found} messages are {status}; the drill made {count} so")
