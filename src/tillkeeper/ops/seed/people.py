"""The merchant's people, and the customers."""

from dataclasses import dataclass, field

from tillkeeper.access.staff import Role
from tillkeeper.audit import Actor
from tillkeeper.customers import Profile
from tillkeeper.flows.employ import employ
from tillkeeper.flows.grant import Gift, grant
from tillkeeper.flows.register import register
from tillkeeper.flows.spend import spend
from tillkeeper.fulfilment.wallet import InsufficientCreditsError
from tillkeeper.kernel import ids
from tillkeeper.ops.seed.plan import Sale
from tillkeeper.ops.seed.sales import Sold
from tillkeeper.ops.seed.stage import Stage

TEAM = {"mara": Role.FINANCE, "sam": Role.SUPPORT}
GAMES = ("one hour of play", "a new song", "a picture", "a chapter")
spend_every = 2
gift_every = 30
gift_credits = 25


@dataclass(slots=True)
class Crowd:
    """Know who has been seen."""

    stage: Stage
    known: set[str] = field(default_factory=set)

    async def come(self, sales: tuple[Sale, ...]) -> None:
        """Register who buys for the first time."""
        for user in sorted({sale.user for sale in sales} - self.known):
            self.known.add(user)
            name = user.replace("-", " ").title()
            await register(self.stage.till, Profile(external_id=user, email=f"{user}@example.com", name=name))

    async def play(self, sold: Sold) -> None:
        """Let a customer use up some of what was delivered, and thank every so many of them."""
        stage, sale, goods = self.stage, sold.sale, sold.payment["fulfilment"]
        if goods["status"] != "delivered" or goods["kind"] != "credits":
            return
        if sale.number % spend_every:
            amount, reason = goods["quantity"] * (30 + sale.number % 60) // 100, GAMES[sale.number % len(GAMES)]
            try:
                await spend(
                    stage.till, stage.wish(f"spend {sale.number}"), user=sale.user, amount=amount, reason=reason
                )
            except InsufficientCreditsError:
                return  # what was delivered paid a debt
        if sale.number % gift_every == 0:
            sam = stage.people["sam"]
            gift = Gift(user=sale.user, amount=gift_credits, reason="a thank you", made_by=sam.name)
            await grant(stage.by("sam"), stage.wish(f"gift {sale.number}"), gift)


async def hire(stage: Stage) -> None:
    """Take the team in."""
    for name, role in TEAM.items():
        id_, _ = await employ(stage.till, f"{name}@local", role=role)
        stage.people[name] = Actor(id=ids.text("member", id_), name=f"{name}@local")
