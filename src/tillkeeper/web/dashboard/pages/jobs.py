"""Jobs: who works behind the scenes, what waits and is late, what is due when, and what was done last."""

from datetime import datetime, timedelta

from starlette.responses import Response
from starlette.routing import BaseRoute

from tillkeeper.flows.read import survey
from tillkeeper.kernel.db import Transaction
from tillkeeper.reports import jobs as report
from tillkeeper.reports import time
from tillkeeper.web.dashboard.desk import Desk, Entrance
from tillkeeper.web.dashboard.rail import Group, Place

PLACE = Place(group=Group.PLUMBING, title="Jobs", icon="list-checks", path="/jobs", key="j")
QUEUES = {
    "webhooks": ("Webhooks to apply", "/admin/inbox?status=received", "/admin/inbox?status=failed"),
    "calls": ("Calls to gateways", None, None),
    "deliveries": ("Events to send", "/admin/deliveries?status=pending", "/admin/deliveries?status=dead"),
    "letters": ("Letters to send", None, None),
    "late_goods": ("Goods to deliver late", None, None),
    "late_revocations": ("Goods to take back late", None, None),
    "comparisons": ("Days to compare", None, None),
    "events": ("Events to number", None, None),
}
COLUMNS = ("title", "list", "stuck_list")
"""What each queue is called, and the lists behind what waits in it and behind what is stuck."""
DID = {
    "examine recent": "Proved the newest of the books",
    "examine full": "Proved all of the books",
    "catch_up": "Asked for missed webhooks of",
    "import": "Read the account of",
    "notify": "Went through the events for letters",
    "seal": "Sealed the books",
    "compare": "Compared",
}
DUE = {
    "purge": "Forget answers to requests of more than a day ago",
    "import_settlement": "Read the gateways' accounts",
    "plan_reconciliation": "Plan which days are compared",
    "correct_fees": "Correct the expected fees of weeks that are over",
    "forget_runs": "Forget old runs",
    "retain": "Forget what was said of payments of long ago",
    "forget_bodies": "Forget what old webhooks said",
    "plan_drill": "Try whether the newest backup can be restored",
    "watch_secrets": "Look how old the secrets are",
    "check_certificate": "Look how long the certificate of our address is good",
    "check_versions": "Look at the gateways' API versions",
}
"""What is due at certain moments."""
KINDS = {"loop": "Worker", "celery": "Celery worker", "beat": "Celery beat"}
OF_GATEWAYS = frozenset({"catch_up", "import", "compare"})


def routes(entrance: Entrance) -> list[BaseRoute]:
    """List the addresses."""
    return [entrance.page("/jobs", show)]


async def show(desk: Desk) -> Response:
    """Show who works, the queues, what is due when, and the last runs of which something is written down."""

    async def look(tx: Transaction) -> tuple[datetime | None, list[list[dict[str, object]]]]:
        tables = (report.workers, report.queues, report.appointments, report.runs)
        return await report.last_sign(tx), [await table(tx) for table in tables]

    sign, (workers, queues, appointments, runs) = await survey(desk.till, look)
    titles = {name: each.title for name, each in desk.till.gateways.items()}
    quiet = sign is None or desk.till.now() - sign > timedelta(seconds=report.quiet_seconds)
    return desk.page(
        "jobs.html",
        queues=[queue | dict(zip(COLUMNS, QUEUES[str(queue["queue"])], strict=True)) for queue in queues],
        workers=[worker | {"title": KINDS[str(worker["kind"])]} for worker in workers],
        appointments=[each | {"title": DUE.get(str(each["job"]), each["job"])} for each in appointments],
        runs=[run | {"words": _words(run, titles)} for run in runs],
        sign=time(sign),
        quiet=quiet,
        late=sum(int(str(queue["overdue"])) for queue in queues),
        counted_max=report.counted_max,
        overdue_minutes=report.overdue_minutes,
    )


def _words(run: dict[str, object], titles: dict[str, str]) -> str:
    """Say what was done, and to what."""
    job, subject = str(run["job"]), str(run["subject"] or "")
    if job == "examine":
        return DID[f"{job} {subject}"]
    gateway, _, day = subject.partition(" ")
    return f"{DID[job]} {titles.get(gateway, gateway)} {day}".strip() if job in OF_GATEWAYS else DID[job]
