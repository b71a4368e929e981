"""The simulator as a Django app: only so that `manage.py run_simulator` is found."""

from __future__ import annotations

from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    """Has no models and no settings."""

    name = "lineportal.simulator"
    label = "simulator"
    verbose_name = "LINE simulator"
