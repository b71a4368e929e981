from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    name = "lineportal.customers"
    label = "customers"
    verbose_name = _("Pages for customers")
