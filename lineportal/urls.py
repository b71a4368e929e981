"""Every address."""

from django.contrib import admin
from django.urls import include, path

from lineportal import health

urlpatterns = [
    path("healthz", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("metrics", health.metrics, name="metrics"),
    path("api/", include("lineportal.api.urls")),
    path("link/", include("lineportal.customers.urls")),
    path("webhooks/", include("lineportal.webhooks.urls")),
    path("", admin.site.urls),
]
