from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "lineportal.demo"
    label = "demo"
    verbose_name = "Demo"
