"""Every setting, in one file, from the environment (see README, "Configuration")."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from lineportal import env, logs, postgres

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

_given_database = env.database_url("DATABASE_URL")
DEBUG = env.flag("LINEPORTAL_DEBUG", default=_given_database is None)

# --- secrets

_DEVELOPMENT_KEY = "development-only-never-in-production"
SECRET_KEY = env.secret("LINEPORTAL_SECRET_KEY", _DEVELOPMENT_KEY if DEBUG else "")
FIELD_KEYS = env.keys("LINEPORTAL_FIELD_KEYS")
if not SECRET_KEY:
    raise env.WrongSetting(
        "LINEPORTAL_SECRET_KEY must be set to a long random text when debugging is off."
    )
if not FIELD_KEYS:
    if not DEBUG:
        raise env.WrongSetting(
            "LINEPORTAL_FIELD_KEYS must hold at least one Fernet key when debugging is off; make"
            ' one with: python -c "from cryptography.fernet import Fernet;'
            ' print(Fernet.generate_key().decode())"'
        )
    FIELD_KEYS = [base64.urlsafe_b64encode(hashlib.sha256(SECRET_KEY.encode()).digest()).decode()]

# --- where we are

PUBLIC_URL = env.text("LINEPORTAL_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
if urlsplit(PUBLIC_URL).scheme not in ("http", "https"):
    raise env.WrongSetting("LINEPORTAL_PUBLIC_URL must begin with https:// (or http://).")
ALLOWED_HOSTS = env.hosts("LINEPORTAL_ALLOWED_HOSTS") or [
    "127.0.0.1",
    "localhost",
    "[::1]",
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# Hosts beside the providers' own that a road may name.
_LOOPBACK = ["127.0.0.1", "localhost", "::1"] if DEBUG else []
API_HOSTS = env.hosts("LINEPORTAL_API_HOSTS") or _LOOPBACK
# Hosts that webhooks may be passed on to. Not the same: what is posted to a road's address goes
# with the account's secrets.
BOT_HOSTS = env.hosts("LINEPORTAL_BOT_HOSTS") or _LOOPBACK

# --- the application

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_fsm",
    "pgtrigger",
    "procrastinate.contrib.django",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "lineportal.audit",
    "lineportal.accounts",
    "templates_app",
    "recipients",
    "lineportal.conversations",
    "lineportal.sending",
    "lineportal.simulator",
    "lineportal.demo",
    "lineportal.customers",
    "lineportal.console.apps.ConsoleAdminConfig",
    "lineportal.console.apps.ConsoleConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "lineportal.urls"
WSGI_APPLICATION = "lineportal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the theme's own templates, so that ours may extend them under the same name.
        "DIRS": [BASE_DIR / "lineportal" / "console" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- database

DATABASES = {
    "default": _given_database
    or {
        "ENGINE": "lineportal.embedded_backend",
        "NAME": "postgres",
        "USER": "lineportal",
        "PORT": "5432",
        "OPTIONS": {},
        "EMBEDDED_FOLDER": str(postgres.default_folder()),
    }
}
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# --- people

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("admin:login")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = int(timedelta(hours=10).total_seconds())

# --- safety of the web

if not DEBUG and PUBLIC_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000  # bytes of a request body that is no file

# --- mail

_mail = env.mail_url("LINEPORTAL_EMAIL_URL")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail.get("EMAIL_HOST", "localhost")
EMAIL_PORT = _mail.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
DEFAULT_FROM_EMAIL = env.mail_address(
    "LINEPORTAL_EMAIL_FROM", f"lineportal@{urlsplit(PUBLIC_URL).hostname}"
)
EMAIL_TIMEOUT = 15  # seconds; a silent server must not keep a worker's place

# --- language and time

LANGUAGE_CODE = "en"
# The console is in English; the sentences of findings and the dossier are in all four.
LANGUAGES = [
    ("en", _("English")),
    ("th", _("Thai")),
    ("zh-hant", _("Traditional Chinese")),
    ("ja", _("Japanese")),
]
TIME_ZONE = "UTC"
USE_TZ = True

# --- files

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("LINEPORTAL_DATA") or BASE_DIR / ".lineportal") / "static"
# Served from where the packages keep them, so that nobody has to collect them first.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

MEDIA_LIMIT = 1024 * 1024 * env.whole("LINEPORTAL_MEDIA_LIMIT_MB", 20, least=1, most=200)

# --- API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["lineportal.api.auth.BearerKey"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["lineportal.api.parsers.Json"],
    "DEFAULT_PAGINATION_CLASS": "lineportal.api.pagination.Cursor",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "lineportal.api.errors.answer",
    "UNAUTHENTICATED_USER": None,
    "PAGE_SIZE": 100,
}
API_REQUESTS_PER_MINUTE = 60_000  # per key and web process
# Japan's law says “without delay” where others give days to answer a person's request.
JAPAN_REQUEST_DAYS = env.whole("LINEPORTAL_JAPAN_REQUEST_DAYS", 14, least=1, most=90)
SPECTACULAR_SETTINGS = {
    "TITLE": "lineportal",
    "DESCRIPTION": "Approved templates only, to eligible recipients only.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "SourceEnum": "recipients.models.Source",
        "KindEnum": "recipients.models.SubjectRequest.Kind",
        "EntryKindEnum": "templates_app.models.EntryKind",
        "SayableKindEnum": "templates_app.thread.SAYABLE",
        "LegalBasisEnum": "recipients.models.LegalBasisKind",
        "CatalogueKindEnum": "templates_app.models.CatalogueKind",
        "CampaignStateEnum": "lineportal.sending.models.Campaign.State",
        "ImportStateEnum": "recipients.models.RecipientImport.State",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "lineportal.api.schema.with_refusals",
    ],
}

# --- review desk

# After more business days than these a version is marked as late, and people are reminded.
DESK_USUAL_DAYS = {
    # A question waits while its author is at other work; two days keep a review within a week.
    "writers": env.whole("LINEPORTAL_USUAL_AUTHOR_DAYS", 2, least=0, most=90),
    # Ours is the step that we can make short.
    "reviewers": env.whole("LINEPORTAL_USUAL_REVIEW_DAYS", 1, least=0, most=90),
    # LINE publishes no time; with an account manager between it is told as 5 to 10.
    "line": env.whole("LINEPORTAL_USUAL_LINE_DAYS", 10, least=0, most=90),
}
DESK_RECENT_DAYS = 14  # how long a decided version stays on the desk unsearched

# --- work

PROCRASTINATE_ON_APP_READY = None
PROCRASTINATE_IMPORT_PATHS = ["lineportal.sending.tasks", "lineportal.sending.talk_tasks"]

# --- console

UNFOLD = {
    "SITE_TITLE": "lineportal",
    "SITE_HEADER": "lineportal",
    "SITE_SUBHEADER": _("LINE Official Notifications"),
    "SITE_SYMBOL": "mark_chat_read",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "DASHBOARD_CALLBACK": "lineportal.console.dashboard.context",
    "COLORS": {
        "primary": {
            "50": "240 253 244",
            "100": "220 252 231",
            "200": "187 247 208",
            "300": "134 239 172",
            "400": "74 222 128",
            "500": "6 199 85",
            "600": "5 150 66",
            "700": "4 120 55",
            "800": "22 101 52",
            "900": "20 83 45",
            "950": "5 46 22",
        }
    },
    "STYLES": [lambda request: static("console/console.css")],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "lineportal.console.dashboard.navigation",
    },
}

# --- logs

DEFAULT_EXCEPTION_REPORTER = "lineportal.error_pages.MaskedReport"
LOGGING = logs.configuration(debug=DEBUG)
