"""The timetable: each task every hour at its minute, so that what failed or was missed is made up for.

Running a task whose slot is done costs one read: the claim rows decide, not the timetable.
"""

from __future__ import annotations

from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler

from jobs.tasks import TASKS, Desk, Stopped, Task
from ledger.settlement import slot_of

DEFAULTS = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}


def scheduler(desk: Desk, pool: ThreadPoolExecutor) -> BlockingScheduler:
    """A scheduler that runs what was missed as soon as it starts, then every task at its time (UTC)."""
    made = BlockingScheduler(timezone="UTC", executors={"default": pool}, job_defaults=DEFAULTS)
    for task in TASKS:
        made.add_job(partial(run, desk, task), id=f"{task.name}-missed")
        made.add_job(partial(run, desk, task), "cron", minute=task.minute, id=task.name)
    return made


def run(desk: Desk, task: Task) -> None:
    """Run a task for the latest day that is due. What goes wrong is logged: the next hour tries again."""
    if desk.stopping.is_set():
        return
    day = task.due_day(desk.clock())
    try:
        task.run(desk, day)
    except Stopped:
        desk.log.info("stopped between two pieces of work", task=task.name, slot=slot_of(day))
    except Exception:
        desk.log.exception("failed", task=task.name, slot=slot_of(day))
