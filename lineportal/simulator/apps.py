from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    name = "lineportal.simulator"
    label = "simulator"
    verbose_name = "LINE simulator"
