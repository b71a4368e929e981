"""What may never reach a log line, however it gets into the record."""

from __future__ import annotations

import copy
import io
import json
import logging
import logging.config
import time
from collections.abc import Callable, Iterator

import django.utils.log
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineportal import logs

PHONES = [
    "+66812345678",
    "0812345678",
    "081-234-5678",
    "(02) 123-4567",
    "+886 912 345 678",
    "090-1234-5678",
    "66 81.234.5678",
    "\uff10\uff18\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
    "\u0e50\u0e58\u0e51-\u0e52\u0e53\u0e54-\u0e55\u0e56\u0e57\u0e58",
]
USER_ID = "U4af4980629b1a2c3d4e5f60718293a4b"
words = st.text(st.characters(categories=["L", "Zs", "P"]), max_size=30)
secrets = st.text(
    st.characters(categories=["L", "N", "P", "S"], exclude_characters="\"'\\"), min_size=4
).filter(lambda secret: "*" not in secret)


@pytest.fixture(params=[True, False], ids=["readable", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Log as the application does and return a reader of what came out."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    for handler in before[0]:
        root.removeHandler(handler)
    config = copy.deepcopy(logs.configuration(debug=request.param))
    stream = io.StringIO()
    config["handlers"]["stderr"]["stream"] = stream
    # Django's own set-up runs first, as in a real start.
    logging.config.dictConfig(django.utils.log.DEFAULT_LOGGING)
    logging.config.dictConfig(config)
    yield stream.getvalue
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in before[0]:
        root.addHandler(handler)
    root.setLevel(before[1])


@pytest.mark.parametrize("phone", PHONES)
def test_a_phone_number_is_masked_in_every_usual_notation(phone: str) -> None:
    assert logs.masked(f"to {phone}, again") == f"to {logs.MASK}, again"


@given(words, st.from_regex(r"\+?[0-9]{9,15}", fullmatch=True), words)
def test_nine_digits_in_a_row_never_survive_whatever_stands_around_them(
    before: str, phone: str, after: str
) -> None:
    assert phone not in logs.masked(before + phone + after)


@given(st.from_regex(r"0[1-9][0-9]?[ .-][0-9]{3,4}[ .-][0-9]{4}", fullmatch=True))
def test_a_national_number_leaves_no_digit(phone: str) -> None:
    assert not any(sign.isdigit() for sign in logs.masked(f"<{phone}>"))


@given(
    words,
    st.sampled_from(["secret", "token", "password", "channel_secret", "access_token", "PASSWORD"]),
    st.sampled_from(["=", ": ", " = "]),
    secrets,
)
def test_what_follows_the_name_of_a_secret_is_masked(
    before: str, name: str, sign: str, secret: str
) -> None:
    line = logs.masked(f"{before} {name}{sign}{secret} end")

    assert line.endswith(f"{name}{sign}{logs.MASK} end")


@given(secrets)
def test_a_secret_is_masked_in_json_and_in_a_repr(secret: str) -> None:
    credentials = {"channel_secret": secret, "n": 1}

    assert logs.masked(json.dumps(credentials)) == '{"channel_secret": ***, "n": 1}'
    assert logs.masked(repr(credentials)) == "{'channel_secret': ***, 'n': 1}"


def test_a_quoted_secret_with_blanks_and_escaped_quotes_is_masked_whole() -> None:
    assert logs.masked(r'{"password": "one \"two\" three", "id": 7}') == (
        '{"password": ' + logs.MASK + ', "id": 7}'
    )


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: Bearer eyJhbGciOi.J9-_x",
        "header bearer eyJhbGciOi.J9-_x sent",
        "{'Authorization': 'Bearer eyJhbGciOi.J9-_x'}",
        "postgresql://app:eyJhbGciOi.J9-_x@db:5432/portal",
        "postgresql://app:pa@eyJhbGciOi.J9-_x@db:5432/portal",
        "GET /?access_token=eyJhbGciOi.J9-_x&page=2",
        "password=b'a eyJhbGciOi.J9-_x'",
    ],
)
def test_tokens_are_masked_where_headers_and_addresses_hold_them(line: str) -> None:
    assert "eyJ" not in logs.masked(line)


@given(words, st.from_regex(r"[Uu][0-9a-f]{32}", fullmatch=True), words)
def test_a_line_user_id_is_masked(before: str, user_id: str, after: str) -> None:
    assert user_id not in logs.masked(before + user_id + after)


@pytest.mark.parametrize(
    "line",
    [
        "campaign 1204 started with 98765432 messages",
        "attempt 550e8400-e29b-41d4-a716-446655440000",
        "content " + "0123456789abcdef" * 4,
        "at 2026-11-23T13:54:33.123456+00:00",
        "at 2026-11-23 13:54:33",
        "from 192.168.100.200",
        "the token expired; a password is wanted",
        "https://api.line.me/v2/bot/message",
    ],
)
def test_what_operators_need_stays_readable(line: str) -> None:
    assert logs.masked(line) == line


@pytest.mark.parametrize("logger", ["lineportal.sending", "django", "django.server", "py.warnings"])
def test_message_arguments_and_exception_are_masked_in_every_logger(
    written: Callable[[], str], capfd: pytest.CaptureFixture[str], logger: str
) -> None:
    try:
        raise ValueError(f"no such person {PHONES[0]}, secret=hush")
    except ValueError:
        logging.getLogger(logger).exception("person %s of %s", {"phone": PHONES[1]}, USER_ID)

    said = written() + "".join(capfd.readouterr())
    assert "person" in written()
    assert "Traceback" in said
    for private in (*PHONES[:2], "hush", USER_ID):
        assert private not in said


def test_a_stack_is_masked(written: Callable[[], str]) -> None:
    logging.getLogger("lineportal").warning("here", stack_info=True)  # 081-234-5678

    assert "Stack (most recent call last)" in written()
    assert PHONES[2] not in written()


def test_a_record_that_cannot_be_put_together_is_logged_and_raises_nothing(
    written: Callable[[], str],
) -> None:
    logging.getLogger("lineportal").error("%d of %d", PHONES[0])

    assert "could not be put together" in written()
    assert PHONES[0] not in written()


def test_in_production_each_event_is_one_json_line() -> None:
    config = logs.configuration(debug=False)
    formatter = config["formatters"]["lines"]["()"]()
    record = logging.LogRecord("lineportal", logging.INFO, "", 1, "two\nlines of %s", ("x",), None)

    line = formatter.format(record)

    assert "\n" not in line
    assert json.loads(line)["event"] == "two\nlines of x"
    assert json.loads(line)["level"] == "info"


def test_a_long_line_is_masked_in_no_time() -> None:
    begun = time.process_time()

    logs.masked("token" * 40_000 + "1 " * 40_000 + "secret" * 10_000 + '"' * 1000 + "://" * 9000)

    assert time.process_time() - begun < 2
