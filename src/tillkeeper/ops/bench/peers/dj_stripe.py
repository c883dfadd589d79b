"""Intake by dj-stripe: its webhook view checks the signature and stores; what comes then is put off by its callback."""

import atexit
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.urls import include, path
from psycopg.conninfo import conninfo_to_dict

NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
APPS = ["django.contrib.contenttypes", "django.contrib.auth", "djstripe"]
processes, threads = 2, 4


def _database() -> dict[str, Any]:
    told: dict[str, Any] = dict(conninfo_to_dict(os.environ["PEER_DATABASE_URL"]))
    named = {name: told.pop(key, "") for name, key in NAMES.items()}
    options = told | {"options": "-c search_path=djstripe"}
    return {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": None, "OPTIONS": options} | named


def leave(*_: object, **__: object) -> None:
    """Process nothing now: the row is there, and a task would be told its id."""


logging.disable(logging.CRITICAL)  # a forged webhook would be told of with all its calls
settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=APPS,
    MIGRATION_MODULES={each.rpartition(".")[2]: None for each in APPS},  # the tables at once, as its models have them
    DATABASES={"default": _database()},
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ["PEER_SECRET"],
    STRIPE_TEST_SECRET_KEY="sk_test_never_used_while_measuring",  # noqa: S106 (no secret)
    STRIPE_LIVE_MODE=False,
    DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
    DJSTRIPE_WEBHOOK_EVENT_CALLBACK=leave,
    LOGGING_CONFIG=None,
    USE_TZ=True,
)
django.setup()
urlpatterns = [path("stripe/", include("djstripe.urls", namespace="djstripe"))]
application = get_wsgi_application()


def prepare(port: int) -> str:
    """Make its tables in a schema of their own, and serve; return where webhooks are to be sent."""
    from djstripe.models import WebhookEndpoint  # noqa: PLC0415 (Django wants its settings first)

    with connections["default"].cursor() as cursor:
        cursor.execute("CREATE SCHEMA djstripe")
    call_command("migrate", run_syncdb=True, verbosity=0)
    endpoint = WebhookEndpoint.objects.create(
        id="we_bench",
        secret=os.environ["PEER_SECRET"],
        enabled_events=["*"],
        status="enabled",
        url="https://bench.invalid/",
        livemode=False,
    )
    connections.close_all()
    served = [f"--workers={processes}", f"--threads={threads}", f"--bind=127.0.0.1:{port}", "--log-level=critical"]
    command = [sys.executable, "-m", "gunicorn", *served, "--keep-alive=60", f"{Path(__file__).stem}:application"]
    server = subprocess.Popen(command, cwd=Path(__file__).parent)
    atexit.register(server.wait)
    atexit.register(server.terminate)
    return f"/stripe/webhook/{endpoint.djstripe_uuid}/"
