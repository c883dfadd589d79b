"""Risk over HTTP: rules, lists, and what people decide about payments that were held."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from tillkeeper.access import Principal, Right
from tillkeeper.flows.assess import limits_of
from tillkeeper.flows.guard import Listing, put_on_list, set_rules, take_off_list
from tillkeeper.flows.read import read, survey
from tillkeeper.flows.review import Verdict, review
from tillkeeper.idempotency import Wish
from tillkeeper.kernel import ids
from tillkeeper.reports import paging
from tillkeeper.reports import risk as report
from tillkeeper.risk import Fact, Operator, Rule, Side, Trait
from tillkeeper.risk import check as check_rules
from tillkeeper.web import api, caller
from tillkeeper.web.api import payments, shapes
from tillkeeper.web.moments import Instant, Moment

router = api.router("risk")
Reviewer = Annotated[Principal, Depends(caller.may(Right.REVIEW))]
Lawgiver = Annotated[Principal, Depends(caller.may(Right.SET_RULES))]
Reader = Annotated[Principal, Depends(caller.may(Right.SEE))]
days_max = 365
Text = Annotated[str, Field(min_length=1, max_length=200)]


class RuleBody(api.Body):
    """Score a payment when a fact compares so with a value; `one_of` takes a list."""

    id: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$", examples=["amount_large"])]
    fact: Annotated[Fact, Field(strict=False, examples=["amount"])]
    operator: Annotated[Operator, Field(strict=False, examples=["more_than"])]
    value: Annotated[int | Text | list[Text], Field(examples=[50_000])]
    score: Annotated[int, Field(ge=1, le=100, examples=[20])]
    reason: Annotated[Text, Field(examples=["a large amount"])]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    enabled: bool = True

    def rule(self) -> Rule:
        """Make the rule."""
        value = tuple(self.value) if isinstance(self.value, list) else self.value
        return Rule(**self.model_dump(exclude={"value"}), value=value)


class Rules(api.Body):
    """All rules: those that are left out are gone."""

    rules: Annotated[list[RuleBody], Field(max_length=100)]


class Try(api.Body):
    """A rule, and how many days of the past to try it on."""

    rule: RuleBody
    days: Annotated[int, Field(ge=1, le=days_max)] = 30


class ListEntry(api.Body):
    """Somebody by user, network address or fingerprint of the device, who is never held up or never pays."""

    side: Annotated[Side, Field(strict=False, examples=["block"])]
    trait: Annotated[Trait, Field(strict=False, examples=["user"])]
    value: Annotated[Text, Field(examples=["ana"])]
    note: Annotated[Text, Field(examples=["three chargebacks in May"])]
    expires_at: Moment | None = None


class ApprovePayment(api.Body):
    """Take the money of a payment that was held."""

    reason: Text | None = None


class RejectPayment(api.Body):
    """Let the money of a payment go that was held; `block` keeps the same buyer from paying again."""

    reason: Text | None = None
    block: bool = False


class RuleShape(BaseModel):
    """A rule as it is in force."""

    id: str
    fact: Fact
    operator: Operator
    value: int | str | list[str]
    currency: str | None
    score: int
    reason: str
    enabled: bool


class RuleList(BaseModel):
    """All rules, by name."""

    object: Literal["list"]
    data: list[RuleShape]


class Entry(BaseModel):
    """Somebody on a list."""

    id: str
    object: Literal["risk_entry"]
    side: Side
    trait: Trait
    value: str
    note: str
    added_by: str
    added_at: Instant
    expires_at: Instant | None


class Entries(BaseModel):
    """Who is on the lists, newest first; `next_cursor` is the `cursor` of the page after it."""

    object: Literal["list"]
    data: list[Entry]
    has_more: bool
    next_cursor: str | None


class Trial(BaseModel):
    """What a rule would have done: how decisions would have changed, and what came of the payments it would stop."""

    object: Literal["risk_trial"]
    rule: RuleShape
    days: int
    payments: int
    complete: bool
    applies_to: int
    decisions: list[dict[str, Any]]
    stopped: dict[str, Any]


@router.get(
    "/admin/risk/rules", name="rules", response_model=None, responses={200: {"model": RuleList}, **shapes.ERRORS}
)
async def show_rules(request: Request, _: Reader) -> JSONResponse:
    """List the rules by which payments are scored."""
    return JSONResponse(await read(caller.till_of(request), report.rules))


@router.put("/admin/risk/rules", response_model=None, responses={200: {"model": RuleList}, **shapes.ERRORS})
async def replace_rules(request: Request, body: Rules, _: Lawgiver) -> JSONResponse:
    """Put these rules in force in the place of all others."""
    await set_rules(caller.till_of(request), [each.rule() for each in body.rules])
    return await show_rules(request, _)


@router.post("/admin/risk/try", response_model=None, responses={200: {"model": Trial}, **shapes.ERRORS})
async def try_rule(request: Request, body: Try, _: Lawgiver) -> JSONResponse:
    """Try a rule on payments of the past before it is switched on; nothing changes."""
    till, rule = caller.till_of(request), body.rule.rule()
    check_rules([rule])
    return JSONResponse(
        await survey(till, lambda tx: report.try_rule(tx, rule, days=body.days, limits=limits_of(till)))
    )


@router.get(
    "/admin/risk/lists", name="lists", response_model=None, responses={200: {"model": Entries}, **shapes.ERRORS}
)
async def show_lists(
    request: Request,
    _: Reader,
    *,
    side: Annotated[Side | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=paging.limit_max)] = paging.limit_default,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> JSONResponse:
    """List who is never held up, and who never pays, newest first."""
    till = caller.till_of(request)
    return JSONResponse(await survey(till, lambda tx: report.lists(tx, side, limit=limit, cursor=cursor)))


@router.post("/admin/risk/lists", response_model=None, responses={200: {"model": Entries}, **shapes.ERRORS})
async def put_entry(request: Request, body: ListEntry, _: Reviewer) -> JSONResponse:
    """Write somebody on a list; who is there already gets the new note and time. The newest entries are shown."""
    listing = Listing(
        side=body.side,
        trait=body.trait,
        value=body.value,
        note=body.note,
        expires_at=body.expires_at,
    )
    await put_on_list(caller.till_of(request), listing)
    return await show_lists(request, _, side=body.side)


@router.delete("/admin/risk/lists/{entry}", status_code=204, response_model=None, responses=shapes.ERRORS)
async def remove_entry(request: Request, entry: Annotated[str, Path(max_length=64)], _: Reviewer) -> Response:
    """Take somebody off a list."""
    await take_off_list(caller.till_of(request), ids.parse("entry", entry))
    return Response(status_code=204)


@router.post("/payments/{payment}/approve", response_model=None, responses=payments.ANSWERED)
async def approve(
    request: Request, payment: str, body: ApprovePayment, _: Reviewer, wish: Annotated[Wish, Depends(caller.wish_of)]
) -> JSONResponse:
    """Take the money of a payment that was held for a person to look at."""
    verdict = Verdict(approved=True, reason=body.reason)
    return api.replayed(await review(caller.till_of(request), wish, ids.parse("payment", payment), verdict))


@router.post("/payments/{payment}/reject", response_model=None, responses=payments.ANSWERED)
async def reject(
    request: Request, payment: str, body: RejectPayment, _: Reviewer, wish: Annotated[Wish, Depends(caller.wish_of)]
) -> JSONResponse:
    """Let the money of a payment go that was held for a person to look at."""
    verdict = Verdict(approved=False, reason=body.reason, block=body.block)
    return api.replayed(await review(caller.till_of(request), wish, ids.parse("payment", payment), verdict))
