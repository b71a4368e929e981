"""Environment variables: what is read, and the one sentence for what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.db.backends.postgresql.base import DatabaseWrapper
from hypothesis import given
from hypothesis import strategies as st

from lineportal import env

ROOT = Path(__file__).resolve().parents[2]
KEY, OLDER_KEY = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def given_value(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def give(value: str) -> None:
        monkeypatch.setenv("SETTING", value)

    return give


@pytest.mark.parametrize("value", ["", "   "])
def test_a_blank_variable_counts_as_unset(given_value: Callable[[str], None], value: str) -> None:
    given_value(value)

    assert env.text("SETTING", "default") == "default"
    assert env.flag("SETTING", default=True) is True
    assert env.words("SETTING") == []
    assert env.hosts("SETTING", ["localhost"]) == ["localhost"]
    assert env.keys("SETTING") == []
    assert env.database_url("SETTING") is None


@pytest.mark.parametrize("content", ["hush", "hush\n", "\ufeffhush\r\n"])
def test_a_secret_is_read_from_its_file_without_the_line_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(content, encoding="utf-8")
    monkeypatch.setenv("SETTING_FILE", str(file))

    assert env.secret("SETTING") == "hush"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\xff"])
def test_a_secret_file_that_is_missing_empty_or_binary_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SETTING_FILE", str(file))

    with pytest.raises(env.WrongSetting, match=r"^SETTING_FILE names a file that .*\.$"):
        env.secret("SETTING")


def test_a_secret_file_of_many_lines_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hush\nhush\n")
    monkeypatch.setenv("SETTING_FILE", str(tmp_path / "secret"))

    with pytest.raises(env.WrongSetting, match=r"^SETTING must be one line of text\.$"):
        env.secret("SETTING")


def test_a_variable_and_its_file_at_once_are_refused(
    monkeypatch: pytest.MonkeyPatch, given_value: Callable[[str], None]
) -> None:
    given_value("one")
    monkeypatch.setenv("SETTING_FILE", "/other")

    with pytest.raises(env.WrongSetting, match="both set"):
        env.text("SETTING")


@pytest.mark.parametrize(("value", "meaning"), [("1", True), ("0", False)])
def test_a_flag_is_one_or_nought(
    given_value: Callable[[str], None], value: str, meaning: bool
) -> None:
    given_value(value)

    assert env.flag("SETTING", default=not meaning) is meaning


@pytest.mark.parametrize("value", ["yes", "true", "2", "-1", "\u0e51"])
def test_any_other_flag_is_refused(given_value: Callable[[str], None], value: str) -> None:
    given_value(value)

    with pytest.raises(env.WrongSetting, match=r"^SETTING must be 1 or 0\.$"):
        env.flag("SETTING", default=False)


def test_hosts_are_read_in_order(given_value: Callable[[str], None]) -> None:
    given_value("portal.example.co.th, .example.com,127.0.0.1 ,[::1],::1,*,")

    assert env.hosts("SETTING") == [
        "portal.example.co.th",
        ".example.com",
        "127.0.0.1",
        "[::1]",
        "::1",
        "*",
    ]


@pytest.mark.parametrize("value", ["https://a.example", "a.example:8000", "a/b", "a b", "a.", "-"])
def test_what_is_no_host_is_refused(given_value: Callable[[str], None], value: str) -> None:
    given_value(f"good.example,{value}")

    with pytest.raises(env.WrongSetting, match=r"^SETTING must hold host names"):
        env.hosts("SETTING")


@pytest.mark.parametrize("between", [",", "\n", " , \n"])
def test_keys_come_newest_first(given_value: Callable[[str], None], between: str) -> None:
    given_value(f"{KEY}{between}{OLDER_KEY}")

    assert env.keys("SETTING") == [KEY, OLDER_KEY]


@pytest.mark.parametrize(
    "key", ["short", KEY[:-5], "\u0e01" * 44], ids=["short", "cut", "not of its alphabet"]
)
def test_a_key_of_the_wrong_form_is_refused_without_showing_it(
    given_value: Callable[[str], None], key: str
) -> None:
    given_value(f"{KEY},{key}")

    with pytest.raises(env.WrongSetting, match=r"^SETTING must be Fernet keys") as refusal:
        env.keys("SETTING")

    assert key not in str(refusal.value)
    assert KEY not in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "host", "port", "name"),
    [
        ("postgresql://u:p@db.example:5433/portal", "db.example", "5433", "portal"),
        ("postgres://u:p@db.example/portal", "db.example", "", "portal"),
        ("postgresql://u:p@127.0.0.1/a%20b", "127.0.0.1", "", "a b"),
        ("postgresql://u:p@[::1]:5432/portal", "::1", "5432", "portal"),
        ("postgresql://u:p@/portal?host=/var/run/PG", "/var/run/PG", "", "portal"),
        ("postgresql://u:p@%2Fvar%2Frun%2FPG:6432/portal", "/var/run/PG", "6432", "portal"),
        ("postgresql:///portal?user=u&password=p", "", "", "portal"),
    ],
)
def test_a_database_address_becomes_djangos_settings(
    given_value: Callable[[str], None], value: str, host: str, port: str, name: str
) -> None:
    given_value(value)

    assert env.database_url("SETTING") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": "u",
        "PASSWORD": "p",
        "HOST": host,
        "PORT": port,
        "OPTIONS": {},
    }


def test_the_query_of_a_database_address_reaches_the_driver(
    given_value: Callable[[str], None],
) -> None:
    given_value("postgresql://u@db/portal?sslmode=require&application_name=line%20portal")
    settings = env.database_url("SETTING")
    assert settings is not None
    wrapper = DatabaseWrapper({**settings, "TIME_ZONE": None, "CONN_HEALTH_CHECKS": False})

    parameters = wrapper.get_connection_params()

    assert parameters["sslmode"] == "require"
    assert parameters["application_name"] == "line portal"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_password_survives_percent_encoding(password: str) -> None:
    encoded = "".join(f"%{byte:02X}" for byte in password.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SETTING", f"postgresql://u:{encoded}@db/portal")
        settings = env.database_url("SETTING")

    assert settings is not None
    assert settings["PASSWORD"] == password


@pytest.mark.parametrize(
    "value",
    [
        "mysql://u:hush@db/portal",
        "sqlite:///portal.db",
        "postgresql://u:hush@db",
        "postgresql://u:hush@db/",
        "postgresql://u:hush@db/a/b",
        "postgresql://u:hush@db:x/portal",
        "postgresql://u:hush@db:99999/portal",
        "postgresql://u:hush@[::1/portal",
        "postgresql://u:hush%zz@db/portal",
        "postgresql://u:hu#sh@db/portal",
        "postgresql://u:hush@db/portal?sslmode",
        "host=db password=hush",
        "portal",
    ],
)
def test_another_database_address_is_refused_without_showing_the_password(
    given_value: Callable[[str], None], value: str
) -> None:
    given_value(value)

    with pytest.raises(env.WrongSetting, match=r"^SETTING must look like postgresql://") as refusal:
        env.database_url("SETTING")

    assert "hu" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LINEPORTAL_DEBUG", "perhaps"),
        ("DATABASE_URL", "mysql://u:hush@db/portal"),
        ("LINEPORTAL_EMAIL_URL", "http://u:hush@mail"),
        ("LINEPORTAL_EMAIL_FROM", "hush"),
        ("LINEPORTAL_FIELD_KEYS", "hush"),
        ("LINEPORTAL_SECRET_KEY_FILE", "/nowhere/at/all"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(name: str, value: str) -> None:
    answer = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", name: value},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert name in answer.stderr
    assert "hush" not in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_stop_ends_with_the_sentence_and_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        env.stop(env.WrongSetting("SETTING must be 1 or 0."))

    assert end.value.code == 1
    assert capsys.readouterr().err == "SETTING must be 1 or 0.\n"


@pytest.mark.parametrize(
    ("value", "host", "port", "user", "password", "ssl", "tls"),
    [
        (
            "smtp://u:p%40ss@mail.example.com:2587",
            "mail.example.com",
            2587,
            "u",
            "p@ss",
            False,
            True,
        ),
        ("smtp://mail.example.com", "mail.example.com", 587, "", "", False, True),
        ("smtps://u:p@mail.example.com", "mail.example.com", 465, "u", "p", True, False),
        ("smtp://relay/?starttls=no", "relay", 25, "", "", False, False),
    ],
)
def test_a_mail_address_is_read_into_djangos_settings(
    given_value: Callable[[str], None],
    value: str,
    host: str,
    port: int,
    user: str,
    password: str,
    ssl: bool,
    tls: bool,
) -> None:
    given_value(value)

    read = env.mail_url("SETTING")

    assert (read["EMAIL_HOST"], read["EMAIL_PORT"]) == (host, port)
    assert (read["EMAIL_HOST_USER"], read["EMAIL_HOST_PASSWORD"]) == (user, password)
    assert (read["EMAIL_USE_SSL"], read["EMAIL_USE_TLS"]) == (ssl, tls)


def test_without_a_mail_server_the_worker_prints(given_value: Callable[[str], None]) -> None:
    given_value("")

    assert env.mail_url("SETTING")["EMAIL_BACKEND"].endswith("console.EmailBackend")


@pytest.mark.parametrize(
    "value",
    ["mail.example.com", "smtp://", "smtp://u:hush@", "smtp://u:hush@host:port", "smtp://u:%zz@host",
     "smtp://u:hush@host/box", "smtp://u@host", "smtps://u:hush@host?starttls=no",
     "smtp://host?tls=1"],
)  # fmt: skip
def test_a_wrong_mail_address_is_one_sentence_without_the_password(
    given_value: Callable[[str], None], value: str
) -> None:
    given_value(value)

    with pytest.raises(env.WrongSetting, match=r"^SETTING must look like smtp://") as refusal:
        env.mail_url("SETTING")

    assert "hush" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("value", ["portal@example.com", "Templates <t@example.co.th>"])
def test_a_sender_is_an_address_with_or_without_a_name(
    given_value: Callable[[str], None], value: str
) -> None:
    given_value(value)

    assert env.mail_address("SETTING", "x@y") == value
