"""The drills themselves. Django is set up here, so that their modules may import models."""

import os

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lineportal.settings")
    django.setup()
