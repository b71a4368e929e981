from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.permissions import AllowAny
from rest_framework.routers import DefaultRouter

from lineportal.api import accounts, campaigns, messages, recipients, templates

router = DefaultRouter()
router.include_root_view = False
router.register("accounts", accounts.Accounts, basename="account")
router.register("templates", templates.Templates, basename="template")
router.register("recipients/imports", recipients.Imports, basename="import")
router.register("recipients", recipients.Recipients, basename="recipient")
router.register("suppressions", recipients.Suppressions, basename="suppression")
router.register("campaigns", campaigns.Campaigns, basename="campaign")
router.register("messages", messages.Messages, basename="message")

# The schema is public knowledge; it holds no data.
open_to_all = {"authentication_classes": [], "permission_classes": [AllowAny]}

urlpatterns = [
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(**open_to_all), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerView.as_view(url_name="schema", **open_to_all),
        name="api-docs",
    ),
]
