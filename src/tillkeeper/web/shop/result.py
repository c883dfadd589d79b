"""The page on which a customer arrives from the gateway: what became of the payment, and the proof of it."""

from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tillkeeper.kernel import ids
from tillkeeper.till import Till
from tillkeeper.web.shop import diary, evidence, paper, scene, stage, story, visitor
from tillkeeper.web.shop.scene import Scene

opening_seconds = 60
"""For how long a new pack is turned over card by card; later visitors see its cards at once."""


class Results:
    """Show payments to the people who made them."""

    def __init__(self, till: Till) -> None:
        self._till = till

    @paper.explained
    async def show(self, request: Request) -> Response:
        """Show what became of a payment; the demo also shows how it came about."""
        found = await scene.show(self._till, _named(request))
        titles = scene.titles(self._till)
        demo = self._till.settings.shop
        context: dict[str, object] = {
            "scene": found,
            "live": found.state(followed=demo),
            "payment": found.payment,
            "story": found.story,
            "label": story.label(found.payment),
            "sandbox": found.payment["mode"] == "sandbox",
            "demo": demo,
            "wallet": diary.balance_after(found.events),
            "gateway": titles.get(found.payment["gateway"], found.payment["gateway"]),
        }
        if not demo:
            return paper.page("result.html", context)
        who = visitor.recognise(request)
        behind_it: dict[str, object] = {
            "entries": found.entries(titles),
            "bookings": diary.bookings(found.events),
            "proofs": diary.proofs(found.events),
            "claims": evidence.claims(found),
            "opening": _is_new(found, self._till.now()),
            "buttons": stage.buttons(found),
            "form": visitor.sealed(self._till.settings.secret_key, who),
            "did": stage.LABELS.get(request.query_params.get("did", "")),
        }
        page = paper.page("result.html", context | behind_it)
        who.keep(page, secure=self._till.settings.public_url.startswith("https:"))
        return page

    @paper.explained
    async def tell_state(self, request: Request) -> Response:
        """Tell a watching page whether it is still up to date."""
        found = await scene.show(self._till, _named(request))
        return paper.state(found.state(followed=self._till.settings.shop))

    @paper.explained
    async def act(self, request: Request) -> Response:
        """Do to a payment what a visitor of the demo pressed, and show what becomes of it."""
        form = await visitor.take_form(request, self._till.settings)
        payment, deed = form.field("payment"), form.field("deed")
        await stage.perform(self._till, await scene.show(self._till, ids.parse("payment", payment)), deed)
        return RedirectResponse(f"/checkout/{payment}?did={deed}", HTTPStatus.SEE_OTHER)


def _named(request: Request) -> UUID:
    return ids.parse("payment", request.path_params["payment"])


def _is_new(found: Scene, now: datetime) -> bool:
    at = found.payment["captured_at"]
    return bool(at) and now - datetime.fromisoformat(at) < timedelta(seconds=opening_seconds)
