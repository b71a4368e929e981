"""What a worker would do with waiting jobs, where no worker runs."""

from __future__ import annotations

from datetime import datetime

from procrastinate.contrib.django.models import ProcrastinateJob

from lineportal.sending import breakers, lanes, receipts


def stop_for_faults(*, at: datetime) -> int:
    """Do the jobs that stop campaigns for reported faults; return how many."""
    waiting = ProcrastinateJob.objects.filter(task_name=lanes.STOP_FOR_FAULT, status="todo")
    arguments = list(waiting.order_by("pk").values_list("args", flat=True))
    for each in arguments:
        breakers.stop_for(receipts.Fault(**each), at=at)
    return len(arguments)
