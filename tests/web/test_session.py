"""The merchant's people sign in with a browser, and only what they mean is done in their name."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import httpx2
import pytest
from argon2 import PasswordHasher
from tests.web.conftest import Front
from tests.web.people import SESSION, Browser, browse, code_of, hire

from tillkeeper.access.limits import Meter
from tillkeeper.access.staff import Role
from tillkeeper.flows.employ import disable, set_role
from tillkeeper.kernel import clock
from tillkeeper.settings import Settings, SettingsError, load
from tillkeeper.web.app import build

NEW = "a longer one than before"
PASSWORD = f"{SESSION}/password"
FACTOR = f"{SESSION}/second_factor"
KEYS = "/api/v1/admin/keys"
CREDITS = {"amount": 5, "reason": "an apology"}


def inside(front: Front) -> Any:
    """Find what the application keeps beside its routes."""
    app: Any = front.app
    return app._app._app.state


@pytest.fixture
async def finn(front: Front, request: pytest.FixtureRequest) -> Browser:
    """Take Finn of finance in, afresh for each test, and let nobody's guesses count against him."""
    inside(front).meter = Meter()
    await front.owner.execute("DELETE FROM rate_window")
    email = f"{re.sub(r'[^a-z0-9]', '-', request.node.name.lower())}@example.com"
    return await hire(front, email, role=Role.FINANCE)


async def grow_old(front: Front, browser: Browser) -> None:
    """Let ten minutes pass since the password was given."""
    await front.owner.execute(
        "UPDATE staff_session SET proved_at = proved_at - interval '11 minutes' WHERE member_id = $1", browser.id
    )


async def last_entry(front: Front) -> Any:
    """Read what was written down last."""
    return await front.owner.fetchrow("SELECT * FROM audit_entry ORDER BY number DESC LIMIT 1")


async def test_whoever_signs_in_is_told_who_they_are_and_what_they_may(front: Front, finn: Browser) -> None:
    answer = await finn.sign_in()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    shown = (await finn.keep(answer).call("GET", SESSION)).json()
    assert shown == answer.json()
    assert shown["member"] == {
        "id": shown["member"]["id"],
        "email": finn.email,
        "role": "finance",
        "second_factor": False,
    }
    assert "reconcile" in shown["rights"]
    assert "keep_keys" not in shown["rights"]
    assert finn.password not in answer.text + await front.rows()


async def test_the_cookie_of_a_session_is_out_of_reach_of_pages_and_of_other_sites(finn: Browser) -> None:
    cookie = (await finn.sign_in()).headers["set-cookie"]
    name, *flags = cookie.split("; ")
    assert re.fullmatch(r"till_session=[\w-]{43}", name)
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=lax"]


async def test_behind_tls_the_cookie_goes_to_this_host_alone(front: Front, finn: Browser) -> None:
    settings = front.till.settings.model_copy(update={"public_url": "https://pay.example.com"})
    app = build(replace(front.till, settings=settings))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://pay.example.com") as http:
        wish = {"email": finn.email, "password": finn.password}
        answer = await http.post(SESSION, json=wish, headers={"Origin": "https://pay.example.com"})
        name, *flags = answer.headers["set-cookie"].split("; ")
        assert name.startswith("__Host-till_session=")
        assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=lax", "Secure"]
        assert (await http.get(SESSION)).status_code == 200
        token = name.partition("=")[2]
        http.cookies.clear()
        plain = await http.get(SESSION, headers={"Cookie": f"till_session={token}"})
        assert plain.status_code == 401, "a cookie that a page without TLS can set is not believed"


@pytest.mark.parametrize("wrong", [{"password": "wrong password"}, {"email": "nobody@example.com"}, {"password": ""}])
async def test_a_wrong_try_is_answered_the_same_whatever_was_wrong(finn: Browser, wrong: Any) -> None:
    answer = await finn.sign_in(**wrong)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    expected = (await finn.sign_in(password="another wrong one")).json()
    assert answer.json() | {"request_id": ""} == expected | {"request_id": ""}


class Counted(PasswordHasher):
    """Hash, and count how often."""

    verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 (its name in argon2)
        """Count a comparison."""
        self.verified += 1
        return super().verify(hash, password)


async def test_a_stranger_costs_one_hash_and_the_same_entries_as_one_of_ours(
    front: Front, finn: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted()
    monkeypatch.setattr("tillkeeper.access.staff.rules.HASHER", counted)
    before = await front.counts()
    await finn.sign_in(email="nobody@example.com")
    assert counted.verified == 1
    stranger = await front.counts()
    await finn.sign_in(password="wrong password")
    assert counted.verified == 2
    ours = await front.counts()
    changed = [
        {name: after[name] - was[name] for name in after if after[name] != was[name]}
        for was, after in ((before, stranger), (stranger, ours))
    ]
    assert changed == [{"audit_entry": 1}, {"audit_entry": 1}]


async def test_guessing_ends_after_five_tries_a_minute(front: Front, finn: Browser) -> None:
    minute = clock.now().replace(second=30)
    inside(front).till = replace(front.till, now=lambda: minute)
    try:
        answers = [(await finn.sign_in(password="wrong password")) for _ in range(6)]
    finally:
        inside(front).till = front.till
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) == 30


async def test_another_page_signs_nobody_in(finn: Browser) -> None:
    wish = {"email": finn.email, "password": finn.password}
    answer = await finn.front.call("POST", SESSION, wish, key="", Origin="https://evil.example")
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert "set-cookie" not in answer.headers


async def test_signing_out_ends_the_session_and_takes_the_cookie_back(front: Front, finn: Browser) -> None:
    here, elsewhere = await finn.again(), await finn.enter()
    answer = await here.call("DELETE", SESSION)
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await here.call("GET", SESSION)).json()["code"] == "session_over"
    assert (await elsewhere.call("GET", SESSION)).status_code == 200
    row = await last_entry(front)
    assert (row["action"], row["actor_name"]) == ("member.signed_out", finn.email)
    assert row["request"] == answer.headers["request-id"]


async def test_somebody_without_a_cookie_is_unknown(front: Front) -> None:
    assert (await front.call("GET", SESSION, key="")).json()["code"] == "unauthenticated"


async def test_a_key_counts_before_a_cookie(front: Front, finn: Browser) -> None:
    here = await finn.again()
    answer = await here.call("GET", KEYS, Authorization=f"Bearer {front.keys['read']}")
    assert "The key" in answer.json()["detail"]
    answer = await here.call("GET", SESSION, Authorization="Bearer nonsense")
    assert answer.status_code == 401


async def test_disabling_somebody_and_giving_another_role_end_every_session(front: Front, finn: Browser) -> None:
    here = await finn.again()
    await set_role(front.till, finn.email, Role.VIEWER)
    assert (await here.call("GET", SESSION)).json()["code"] == "session_over"
    here = await finn.again()
    await disable(front.till, finn.email)
    assert (await here.call("GET", SESSION)).json()["code"] == "session_over"
    assert (await finn.sign_in()).status_code == 401


async def test_a_new_password_ends_every_session_but_that_of_this_browser(front: Front, finn: Browser) -> None:
    here, elsewhere = await finn.again(), await finn.enter()
    answer = await here.call("PUT", PASSWORD, {"password": finn.password, "new_password": NEW})
    assert answer.status_code == 200, answer.text
    for browser in (here, elsewhere):
        assert (await browser.call("GET", SESSION)).status_code == 401
    assert (await here.keep(answer).call("GET", SESSION)).status_code == 200
    assert (await finn.sign_in()).status_code == 401
    assert (await finn.sign_in(password=NEW)).status_code == 201
    assert NEW not in await front.rows()


async def test_a_session_without_the_password_changes_none(finn: Browser) -> None:
    here = await finn.again()
    answer = await here.call("PUT", PASSWORD, {"password": "wrong password", "new_password": NEW})
    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_failed")
    short = await here.call("PUT", PASSWORD, {"password": finn.password, "new_password": "eleven char"})
    assert (short.status_code, short.json()["param"]) == (422, "new_password")
    assert (await here.call("GET", SESSION)).status_code == 200


async def test_a_second_factor_is_set_up_and_asked_for_from_then_on(finn: Browser) -> None:
    here = await finn.again()
    offered = (await here.call("POST", FACTOR, {})).json()
    assert offered["address"].startswith("otpauth://totp/Tillkeeper:")
    assert (await here.call("POST", f"{FACTOR}/confirm", {"code": "000000"})).status_code == 422
    assert (await finn.sign_in()).status_code == 201, "it does not count yet"
    confirmed = await here.call("POST", f"{FACTOR}/confirm", {"code": code_of(offered["secret"])})
    codes = confirmed.json()["codes"]
    assert (confirmed.headers["cache-control"], len(codes)) == ("no-store", 10)
    assert (await finn.sign_in()).json()["code"] == "second_factor_needed"
    assert (await finn.sign_in(code=code_of(offered["secret"], later_seconds=30))).status_code == 201
    assert (await finn.sign_in(code=codes[0])).status_code == 201
    assert (await here.call("GET", SESSION)).json()["member"]["second_factor"] is True


async def test_a_session_that_somebody_left_open_sets_up_no_second_factor(front: Front, finn: Browser) -> None:
    here = await finn.again()
    await grow_old(front, here)
    for path, body in ((FACTOR, {}), (f"{FACTOR}/confirm", {"code": "000000"})):
        answer = await here.call("POST", path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "step_up_needed")


async def test_credits_by_hand_are_for_whoever_has_just_given_the_password(front: Front, finn: Browser) -> None:
    here = await finn.again()
    for verb, wish in (("grant", CREDITS), ("take", CREDITS), ("write_off", {"reason": "an apology"})):
        await grow_old(front, here)
        path = f"/api/v1/users/credited/wallet/{verb}"
        asked = {"Idempotency_Key": f"by hand {verb}"}
        assert (await here.call("POST", path, wish, **asked)).json()["code"] == "step_up_needed"
        fresh = await (await finn.again()).call("POST", path, wish, **asked)
        assert fresh.status_code == (409 if verb == "write_off" else 200), "there is no debt"


async def test_what_is_dangerous_asks_for_the_password_again_after_ten_minutes(front: Front, finn: Browser) -> None:
    await set_role(front.till, finn.email, Role.ADMIN)
    here = await finn.again()
    await grow_old(front, here)
    wish = {"name": "made by a person", "scopes": ["read"]}
    assert (await here.call("POST", KEYS, wish)).json()["code"] == "step_up_needed"
    assert (await here.call("GET", KEYS)).status_code == 200, "looking is not dangerous"
    wrong = await here.call("POST", f"{SESSION}/proof", {"password": "wrong password"})
    assert wrong.json()["code"] == "sign_in_failed"
    assert (await here.call("POST", KEYS, wish)).status_code == 403
    proved = await here.call("POST", f"{SESSION}/proof", {"password": finn.password})
    assert proved.status_code == 200
    assert proved.json()["fresh_until"] > (clock.now() + timedelta(minutes=9)).isoformat()
    assert (await here.call("POST", KEYS, wish)).status_code == 201
    row = await last_entry(front)
    assert (row["action"], row["actor_name"]) == ("key.created", finn.email)
    assert row["actor"].startswith("member_")


async def test_the_idempotency_keys_of_a_person_are_nobody_elses(front: Front, finn: Browser) -> None:
    here = await finn.again()
    ana = await browse(front, "ana.idempotency@example.com", role=Role.FINANCE)
    balances = []
    for who in (here, ana, here):
        answer = await who.call("POST", "/api/v1/users/twice/wallet/grant", CREDITS, Idempotency_Key="one key")
        assert answer.status_code == 200, answer.text
        balances.append(answer.json()["balance"])
    assert balances == [5, 10, 5], "the third is the first one, repeated"


async def test_a_person_has_a_limit_of_their_own(finn: Browser) -> None:
    answer = await (await finn.again()).call("GET", SESSION)
    assert answer.headers["ratelimit-limit"] == "300"


async def test_a_role_that_needs_a_second_factor_sets_it_up_before_anything_else(front: Front, finn: Browser) -> None:
    here = await finn.again()
    strict = front.till.settings.model_copy(update={"second_factor_roles": "admin, finance"})
    inside(front).till = replace(front.till, settings=strict)
    try:
        refused = await here.call("GET", "/api/v1/payments")
        assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
        secret = (await here.call("POST", FACTOR, {})).json()["secret"]
        assert (await here.call("POST", f"{FACTOR}/confirm", {"code": code_of(secret)})).status_code == 200
        assert (await here.call("GET", "/api/v1/payments")).status_code == 200
    finally:
        inside(front).till = front.till


def test_a_role_that_does_not_exist_cannot_need_a_second_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("TILL_SECRET_KEY", "a secret of the web tests")
    monkeypatch.setenv("TILL_SECOND_FACTOR_ROLES", "admin, boss")
    with pytest.raises(SettingsError, match="boss"):
        load()


def test_the_roles_that_can_need_a_second_factor_are_all_roles() -> None:
    every = ", ".join(Role)
    configured = {
        "DATABASE_URL": "x",
        "TILL_SECRET_KEY": "a secret of the web tests",
        "TILL_SECOND_FACTOR_ROLES": every,
    }
    assert Settings.model_validate(configured).roles_with_second_factor == list(Role)
