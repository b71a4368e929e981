"""Settings of the tests: the real ones, and a connection that says it is a test."""

import os

# With DATABASE_URL set, the real settings would ask for production keys.
os.environ.setdefault("LINEPORTAL_DEBUG", "1")

from lineportal.settings import *  # noqa: F403
from lineportal.settings import DATABASES

# Django's test runner empties tables by TRUNCATE, which our triggers refuse everywhere else.
_options = DATABASES["default"]["OPTIONS"]
_options["options"] = f"{_options.get('options', '')} -c lineportal.testing=on".strip()
# Two runs at once on one machine do not share a database.
DATABASES["default"]["TEST"] = {"NAME": f"test_lineportal_{os.getpid()}"}
DATABASES["default"]["CONN_MAX_AGE"] = 0

DEBUG = False
ALLOWED_HOSTS = ["*"]
API_HOSTS = ["127.0.0.1", "localhost"]
BOT_HOSTS = ["127.0.0.1", "localhost"]
PUBLIC_URL = "http://127.0.0.1:8000"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
