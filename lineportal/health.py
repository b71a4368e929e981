"""Is it alive, is it ready, and the figures for Prometheus."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from lineportal.sending import incidents, lanes
from lineportal.sending.models import Campaign, Forward, ForwardState, Message, WebhookDelivery
from lineportal.sending.statuses import Status


def alive(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process serves."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, migrations and a live worker are there, else 503."""
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        workers = lanes.live_workers(at=timezone.now())
    except DatabaseError:
        return JsonResponse({"database": False, "migrations": False, "workers": 0}, status=503)
    status = 200 if is_migrated and workers else 503
    return JsonResponse(
        {"database": True, "migrations": is_migrated, "workers": workers}, status=status
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus' text format; counts only what is waiting, so it stays cheap."""
    waiting = dict(
        Message.objects.filter(status__in=[Status.QUEUED, Status.SENDING, Status.UNCERTAIN])
        .values_list("status")
        .annotate(n=Count("pk"))
    )
    running = Campaign.objects.filter(state=Campaign.State.RUNNING).count()
    unread = WebhookDelivery.objects.filter(read_at__isnull=True).count()
    # One by one, for each has an index of its own.
    forwards = {
        state.value: Forward.objects.filter(state=state).count()
        for state in (ForwardState.WAITING, ForwardState.GIVEN_UP)
    }
    lines = [
        "# HELP lineportal_messages Messages by status.",
        "# TYPE lineportal_messages gauge",
        *(
            f'lineportal_messages{{status="{status}"}} {waiting.get(status, 0)}'
            for status in (Status.QUEUED, Status.SENDING, Status.UNCERTAIN)
        ),
        "# HELP lineportal_campaigns_running Campaigns that run.",
        "# TYPE lineportal_campaigns_running gauge",
        f"lineportal_campaigns_running {running}",
        "# HELP lineportal_webhooks_unread Webhook deliveries stored but not yet read.",
        "# TYPE lineportal_webhooks_unread gauge",
        f"lineportal_webhooks_unread {unread}",
        "# HELP lineportal_forwards Webhooks to pass on: waiting, and given up in 30 days.",
        "# TYPE lineportal_forwards gauge",
        *(f'lineportal_forwards{{state="{name}"}} {n}' for name, n in forwards.items()),
        "# HELP lineportal_incidents_open Incidents that nobody closed, by what they are about.",
        "# TYPE lineportal_incidents_open gauge",
        *(
            f'lineportal_incidents_open{{code="{code}"}} {n}'
            for code, n in sorted(incidents.open_by_code().items())
        ),
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")
