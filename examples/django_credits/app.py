"""Sell credits: a page with a button, and webhooks that tell what became of it; `python app.py runserver` runs it."""

import os
import secrets
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tillkeeper_client import Client, Webhook, WebhookVerificationError
from tillkeeper_client.models import GoodsTold

ADDRESS = os.environ["SHOP_URL"]
WEBHOOK = Webhook(os.environ["TILL_WEBHOOK_SECRET"])

settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_hex(32),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [Path(__file__).parent / "templates"],
        }
    ],
)
seen: set[str] = set()  # a model with a unique field, in a program that may be restarted
news: defaultdict[str, list[str]] = defaultdict(list)


@cache
def till() -> Client:
    """Keep one client open for the whole program."""
    return Client(os.environ["TILL_URL"], os.environ["TILL_KEY"])


def user_of(request: HttpRequest) -> str:
    """Tell who is there; your app has `request.user` for that."""
    return str(request.COOKIES.get("user", "ana"))


def shop(request: HttpRequest) -> HttpResponse:
    """Show what there is, what is for sale, and what was bought."""
    user = user_of(request)
    packages = [each for each in till().goods.packages() if each.kind == "credits" and "EUR" in each.prices]
    bought = till().payments.find(user=user, status="succeeded", limit=5).data
    shown = {
        "user": user,
        "wallet": till().goods.wallet(user),
        "packages": [(each, f"{each.prices['EUR'] / 100:.2f}") for each in packages],
        "bought": [each for each in bought if each.amount_refunded + each.amount_refunding < each.amount_captured],
        "order": secrets.token_hex(8),  # made with the form: pressing its button twice is one order
        "news": news[user],
    }
    return render(request, "shop.html", shown)


def buy(request: HttpRequest) -> HttpResponseRedirect:
    """Open a checkout and send the customer there."""
    package = request.POST["package"]
    payment = till().payments.create(
        package=package,
        user=user_of(request),
        currency="EUR",
        return_url=ADDRESS,
        idempotency_key=f"{request.POST['order']}-{package}",
    )
    assert payment.next_action, "a checkout that is open says where to go"
    return HttpResponseRedirect(payment.next_action.url or ADDRESS)


def refund(request: HttpRequest) -> HttpResponse:
    """Give the money back; the credits go with it."""
    payment = till().payments.show(request.POST["payment"])
    if payment.user != user_of(request):
        raise Http404
    till().refunds.create(payment=payment.id, reason="not wanted", idempotency_key=f"refund-{payment.id}")
    return redirect("/")


def webhooks(request: HttpRequest) -> HttpResponse:
    """Hear what happened: verify it, take it once, and look at the payment when it matters."""
    try:
        event = WEBHOOK.verify(request.body, request.headers)
    except WebhookVerificationError:
        return HttpResponse(status=400)
    if event.id not in seen and isinstance(event.data, GoodsTold):
        payment = till().payments.show(event.data.payment)
        news[payment.user or ""].append(f"{event.type}: {payment.description}")
    seen.add(event.id)
    return HttpResponse(status=204)


urlpatterns = [
    path("", shop),
    path("buy", require_POST(buy)),
    path("refund", require_POST(refund)),
    path("webhooks", csrf_exempt(require_POST(webhooks))),  # its signature says who sent it
]

if __name__ == "__main__":
    django.setup()
    execute_from_command_line(sys.argv)
