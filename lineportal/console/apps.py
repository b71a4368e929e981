from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from lineportal import checks  # noqa: F401 - registers them
from lineportal.accounts import roles


class ConsoleAdminConfig(AdminConfig):
    """Django's admin on our own site, so that every app's plain `@admin.register` lands there."""

    default_site = "lineportal.console.site.ConsoleSite"


class ConsoleConfig(AppConfig):
    name = "lineportal.console"
    label = "console"
    verbose_name = _("Console")

    def ready(self) -> None:
        # Django makes each app's permissions after migrate; `sending` is the last that has any.
        post_migrate.connect(roles.make_groups, sender=apps.get_app_config("sending"))
