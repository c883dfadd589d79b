"""What is kept for how long, and where the rest is set."""

from starlette.responses import Response

from tillkeeper.access.limits import windows_kept_minutes
from tillkeeper.access.staff import rules as staff
from tillkeeper.idempotency import kept_hours
from tillkeeper.web.dashboard.desk import Desk
from tillkeeper.web.dashboard.pages.settings import tabs

KEPT = (
    (
        "Journals, balances, payments, refunds, disputes, events",
        "For good: the law asks for them.",
    ),
    (
        "The audit log",
        "For good. Of somebody who is erased only the words go; the chain still holds.",
    ),
    ("Answers kept for an Idempotency-Key", f"{kept_hours} hours, and longer while the outcome is not known."),
    (
        "Sessions of your people",
        f"{staff.idle_minutes} minutes without a request, {staff.session_hours_max} hours.",
    ),
    ("How often somebody called", f"{windows_kept_minutes} minutes."),
    ("What is known of a user", "Until you erase it; what goes and what stays is written down under Erasing."),
)


async def show(desk: Desk) -> Response:
    """Say what is kept for how long, and where the rest is set."""
    settings = desk.till.settings
    facts = [
        ("Mode", settings.mode),
        ("Public address", settings.public_url),
        ("Checkouts stay open", f"{settings.payment_lifetime_minutes} minutes"),
        ("Held for review", f"{settings.review_hours_max} hours at most"),
        ("Money that comes after the end", "buys what was sold" if settings.late_success == "fulfil" else "goes back"),
        ("Roles that need a second factor", ", ".join(settings.roles_with_second_factor) or "none"),
        ("Calls of a key", f"{settings.key_requests_per_minute_max:,} a minute"),
        ("Calls of an end user", f"{settings.user_requests_per_minute_max:,} a minute"),
    ]
    bodies = f"{settings.webhook_days_kept} days, sealed; longer what needs somebody, shorter of a user who is erased."
    kept = [*KEPT, ("Bodies of incoming webhooks", bodies)]
    return desk.page("settings_kept.html", tabs=tabs.of(desk), kept=kept, facts=facts)
