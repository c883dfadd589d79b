"""The commands against a running demo: what they do, what they print where, and how they end."""

import asyncio
import getpass
import html
import json
import re
import shlex
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx2
import pytest
from tests.cli.demo import Demo, await_true, running

from tillkeeper.cli import context
from tillkeeper.kernel import clock
from tillkeeper.ops.scenarios import SCENARIOS
from tillkeeper.sandbox_kit.courses import COURSES

numbers = count(1)
PROMISED = {
    "pay.success": ("succeeded", "120 credits delivered"),
    "pay.decline": ("declined", "nothing was delivered"),
    "pay.authenticate": ("succeeded after its customer was asked", "120 credits"),
    "pay.unauthenticated": ("requires_action", "could not show", "nothing was delivered"),
    "pay.abandon": ("requires_action", "closed the tab", "still open"),
    "pay.timeout": ("paid once", "the answer was lost", "120 credits delivered once"),
    "webhook.thrice": ("arrived 3x", "120 credits delivered once"),
    "webhook.storm": ("arrived 50x", "120 credits delivered once"),
    "webhook.late": ("came late", "120 credits delivered once"),
    "webhook.shuffled": ("any order", "120 credits delivered once"),
    "webhook.bad_signature": ("wrong signature were refused", "120 credits delivered once"),
    "webhook.old_timestamp": ("an hour ago", "120 credits delivered once"),
    "webhook.never": ("no webhook came", "120 credits delivered once"),
    "webhook.again": ("came 1x more, 2x in all", "nothing changed"),
    "refund.dashboard_full": ("199 of 199", "dashboard of Stripe", "revoked"),
    "dispute.open": ("is open", "199 EUR"),
    "dispute.won": ("is won", "came back to us", "delivered"),
    "dispute.lost": ("is lost", "stays with the customer", "revoked"),
    "gateway.outage": ("answers nothing for 60 s", "gateway.back"),
    "gateway.back": ("answers again",),
    "webhook.duplicate": ("arrived 2x", "120 credits delivered once"),
    "refund.dashboard": ("99 of 199", "dashboard of Stripe", "partly_revoked"),
    "refund.full": ("succeeded", "199 of 199", "120 credits were taken back", "revoked"),
    "refund.partial": ("succeeded", "99 of 199", "partly_revoked"),
}


SLOW = {"pay.timeout", "webhook.late"}
SAME_EVERYWHERE = {
    *(f"webhook.{how}" for how in ("again", "bad_signature", "late", "old_timestamp", "shuffled", "thrice")),
    *("gateway.outage", "gateway.back"),
}
"""What no gateway's own code has a part in: it is played at Stripe."""
NAMED = ("payment_", "refund_", "dispute_")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("cli")) as demo:
        yield demo


def said(demo: Demo, *words: str) -> Any:
    """Run a command that must succeed and read its JSON, which stands alone on standard output."""
    answer = demo.till(*words, "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return json.loads(answer.stdout)


def as_owner(demo: Demo, statement: str) -> None:
    """Change the database behind the program's back."""

    async def change() -> None:
        connection = await asyncpg.connect(demo.owner_url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(change())


def test_the_list_of_scenarios_is_complete_and_explains_each(demo: Demo) -> None:
    listed = said(demo, "trigger", "--list")
    assert listed.keys() == SCENARIOS.keys() == PROMISED.keys()
    shown = demo.till("trigger", "--list")
    assert shown.returncode == 0
    flowing = " ".join(shown.stdout.split())
    assert [name for name, what in listed.items() if name not in flowing or what not in flowing] == []


@pytest.mark.parametrize("scenario", PROMISED)
def test_a_scenario_plays_and_says_what_came_of_it(demo: Demo, scenario: str) -> None:
    answer = demo.till("trigger", scenario)
    assert answer.returncode == 0, answer.stderr
    assert [words for words in PROMISED[scenario] if words not in answer.stdout] == []
    assert answer.stderr == ""


@pytest.mark.parametrize("gateway", ["razorpay", "paypal", "square"])
@pytest.mark.parametrize("scenario", sorted(PROMISED.keys() - SAME_EVERYWHERE))
def test_a_scenario_plays_through_every_other_gateway_too(demo: Demo, gateway: str, scenario: str) -> None:
    if scenario in SLOW and gateway != "paypal":
        pytest.skip("it waits for seconds; PayPal is where we take the money ourselves")
    outcome = said(demo, "trigger", scenario, "--gateway", gateway)["outcome"]
    payment = next(word.rstrip(":.") for word in outcome.split() if word.startswith(NAMED))
    kind = payment.partition("_")[0]
    if kind != "payment":
        payment = demo.get(f"/api/v1/{kind}s/{payment}").json()["payment"]
    assert demo.get(f"/api/v1/payments/{payment}").json()["gateway"] == gateway


def test_an_outage_lets_a_purchase_wait_until_it_is_over(demo: Demo) -> None:
    demo.till("trigger", "gateway.outage", "--gateway", "square")
    try:
        opened = checkout(demo, "square", "EUR")
        assert (opened["status"], opened["next_action"]) == ("outcome_unknown", None)
    finally:
        said(demo, "trigger", "gateway.back", "--gateway", "square")
    await_true(
        lambda: demo.get(f"/api/v1/payments/{opened['id']}").json()["status"] == "requires_action", 15, "its end"
    )


def checkout(demo: Demo, gateway: str, currency: str) -> Any:
    """Open a checkout as the merchant does."""
    wanted = {"package": "credits_120", "currency": currency, "user": "ben", "gateway": gateway}
    headers = {"Authorization": f"Bearer {demo.told['key']}", "Idempotency-Key": f"{gateway}-{next(numbers)}"}
    answer = httpx2.post(f"{demo.told['api']}/api/v1/payments", json=wanted, headers=headers, trust_env=False)
    return answer.json()


def lines_of(page: str) -> list[str]:
    """List the commands that a checkout page shows."""
    return [html.unescape(line) for line in re.findall(r"<code>(\./till .*?)</code>", page)]


@pytest.mark.parametrize(
    ("gateway", "currency"), [("stripe", "EUR"), ("razorpay", "INR"), ("paypal", "EUR"), ("square", "EUR")]
)
def test_every_line_on_a_checkout_page_does_what_it_says_to_that_very_checkout(
    demo: Demo, gateway: str, currency: str
) -> None:
    def shown() -> tuple[str, list[str]]:
        opened = checkout(demo, gateway, currency)
        return opened["id"], lines_of(httpx2.get(opened["next_action"]["url"], trust_env=False).text)

    _, lines = shown()
    assert len(lines) == len(COURSES) + 6
    quick = [place for place, line in enumerate(lines) if not SLOW & set(line.split())]
    for place in quick if gateway == "stripe" else quick[::6]:
        payment, fresh = shown()
        words = shlex.split(fresh[place])
        assert (words[0], words[words.index("--payment") + 1]) == ("./till", payment)
        answer = demo.till(*words[1:])
        assert answer.returncode == 0, answer.stderr
        assert payment in answer.stdout


def test_a_scenario_at_a_gateway_that_is_not_imitated_names_those_that_are(demo: Demo) -> None:
    answer = demo.till("trigger", "pay.success", "--gateway", "adyen")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "stripe" in answer.stderr


def test_a_refund_can_be_played_on_a_payment_that_is_named(demo: Demo) -> None:
    payment = said(demo, "trigger", "pay.success")["outcome"].split()[0]
    half = said(demo, "trigger", "refund.partial", "--payment", payment)["outcome"]
    assert "99 of 199" in half
    rest = said(demo, "trigger", "refund.full", "--payment", payment)["outcome"]
    assert "100 of 199" in rest
    assert demo.get(f"/api/v1/payments/{payment}").json()["fulfilment"]["status"] == "revoked"


def test_a_command_in_a_process_of_its_own_prints_json_and_nothing_else_on_standard_output(demo: Demo) -> None:
    answer = demo.till_alone("trigger", "pay.success", "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout)["scenario"] == "pay.success"
    wrong = demo.till_alone("keys", "revoke", "key_1")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "\x1b" not in wrong.stderr


def test_an_unknown_scenario_is_wrong_usage_and_lists_the_known_ones(demo: Demo) -> None:
    answer = demo.till("trigger", "pay.twice")
    assert answer.returncode == 2
    assert "pay.twice" in answer.stderr
    assert "pay.success" in answer.stdout


def test_webhooks_are_listed_with_what_became_of_them(demo: Demo) -> None:
    payment = said(demo, "trigger", "webhook.duplicate")["outcome"].split(":")[0]
    found = said(demo, "events", "ls", "--payment", payment)["data"]
    assert found
    assert {message["payment"] for message in found} == {payment}
    assert max(message["arrivals"] for message in found) == 2
    shown = demo.till("events", "ls", "--limit", "100")
    assert shown.returncode == 0
    assert "processed" in shown.stdout
    assert "\x1b" not in shown.stdout, "there are no colours off a terminal"


def test_webhooks_can_be_picked_by_status(demo: Demo) -> None:
    said(demo, "trigger", "pay.success")
    assert {message["status"] for message in said(demo, "events", "ls", "--status", "processed")["data"]} == {
        "processed"
    }
    assert said(demo, "events", "ls", "--status", "dead")["data"] == []
    assert "No webhooks" in demo.till("events", "ls", "--status", "dead").stdout


def test_payments_are_listed_shown_and_asked_about(demo: Demo) -> None:
    payment = said(demo, "trigger", "pay.success")["outcome"].split()[0]
    found = said(demo, "payments", "ls", "--status", "succeeded")["data"]
    assert found[0]["id"] == payment
    assert payment in "".join(demo.till("payments", "ls").stdout.split())
    shown = said(demo, "payments", "show", payment)
    assert shown == found[0]
    assert said(demo, "payments", "sync", payment) == shown
    assert "succeeded" in demo.till("payments", "show", payment).stdout
    assert "No such payments" in demo.till("payments", "ls", "--user", "nobody").stdout


def test_a_refund_says_what_would_go_back_asks_and_is_made(demo: Demo) -> None:
    payment = said(demo, "trigger", "pay.success")["outcome"].split()[0]
    planned = said(demo, "refund", payment, "--dry-run")
    assert (planned["amount"], planned["dry_run"]) == (199, True)
    unsure = demo.till_alone("refund", payment)
    assert unsure.returncode == 1
    assert "€1.99" in unsure.stderr
    assert demo.get(f"/api/v1/payments/{payment}").json()["amount_refunded"] == 0
    made = said(demo, "refund", payment, "--amount", "99", "--reason", "half", "--yes")
    assert (made["status"], made["amount"], made["reason"]) == ("succeeded", 99, "half")
    assert "€1.00" in demo.till("refund", payment, "--dry-run").stdout
    too_much = demo.till("refund", payment, "--amount", "101", "--yes")
    assert (too_much.returncode, "next" in too_much.stderr) == (1, True)


def test_refund_requests_are_listed_shown_approved_and_rejected(demo: Demo) -> None:
    assert "No such refund requests" in demo.till("refund-requests", "ls", "--status", "failed").stdout
    first, second = (waiting_request(demo) for _ in range(2))
    listed = said(demo, "refund-requests", "ls", "--status", "open")["data"]
    assert [each["id"] for each in listed] == [second, first]
    assert "0 of 1" in demo.till("refund-requests", "ls").stdout
    assert json.loads(demo.till("refund-requests", "show", first).stdout)["status"] == "open"
    assert demo.till_alone("refund-requests", "approve", first).returncode == 1
    approved = said(demo, "refund-requests", "approve", first, "--yes")
    assert (approved["status"], approved["approvals"]) == ("refunded", [context.somebody()[1]])
    rejected = demo.till("refund-requests", "reject", second, "--reason", "too late")
    assert (rejected.returncode, "rejected. too late" in rejected.stdout) == (0, True)
    assert demo.till("refund-requests", "ls", "--status", "lost").returncode == 1


def test_disputes_are_listed_answered_and_given_up(demo: Demo) -> None:
    assert "No such disputes" in demo.till("disputes", "ls", "--status", "prevented").stdout
    first, second = (disputed(demo) for _ in range(2))
    listed = said(demo, "disputes", "ls", "--due", "waiting")["data"]
    # Other tests leave disputes behind in the same demo.
    assert [each["id"] for each in listed if each["id"] in {first, second}] == [first, second]
    assert "needs_response" in demo.till("disputes", "ls").stdout
    assert json.loads(demo.till("disputes", "show", first).stdout)["status"] == "needs_response"
    assert "120 credits" in said(demo, "disputes", "evidence", first, "--dry-run")["delivery"]
    assert demo.till_alone("disputes", "accept", second).returncode == 1
    handed_in = said(demo, "disputes", "evidence", first, "--statement", "It was played.", "--yes")
    assert (handed_in["status"], handed_in["response"]["status"]) == ("under_review", "done")
    assert "is lost, accept done" in demo.till("disputes", "accept", second, "--yes").stdout
    again = demo.till("disputes", "evidence", first, "--yes")
    assert (again.returncode, "under_review" in again.stderr) == (1, True)
    assert demo.till("disputes", "ls", "--due", "never").returncode == 1


def disputed(demo: Demo) -> str:
    """Buy something, and let the customer's bank take it back."""
    payment = said(demo, "trigger", "pay.success")["outcome"].split()[0]
    bought = demo.get(f"/api/v1/payments/{payment}").json()
    url = f"{demo.told['sandbox']}/_control/stripe/disputes"
    httpx2.post(url, json={"payment_intent": bought["gateway_reference"]}, trust_env=False).raise_for_status()
    where = f"/api/v1/disputes?payment={payment}"
    await_true(lambda: bool(demo.get(where).json()["data"]), 15, "the dispute")
    return str(demo.get(where).json()["data"][0]["id"])


def waiting_request(demo: Demo) -> str:
    """Ask for something that a person must agree to."""
    payment = said(demo, "trigger", "pay.success")["outcome"].split()[0]
    wish = {"payment": payment, "reason_code": "other", "override_reason": "goodwill"}
    answer = httpx2.post(
        f"{demo.told['api']}/api/v1/refund_requests",
        json=wish,
        headers={"Authorization": f"Bearer {demo.told['key']}", "Idempotency-Key": payment},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("words", [("show", "payment_1"), ("sync", "payment_1"), ("ls", "--status", "paid")])
def test_a_payment_or_status_that_does_not_exist_is_a_failure_that_says_why(demo: Demo, words: tuple[str, ...]) -> None:
    answer = demo.till("payments", *words)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "next" in answer.stderr


def test_a_status_that_does_not_exist_names_those_that_do(demo: Demo) -> None:
    answer = demo.till("events", "ls", "--status", "lost")
    assert answer.returncode in {1, 2}
    assert "quarantined" in answer.stderr
    assert answer.stdout == ""


def test_a_key_is_shown_once_and_works_until_it_is_revoked(demo: Demo) -> None:
    made = said(demo, "keys", "create", "reporting", "--scopes", "read")
    listed = {key["id"]: key for key in said(demo, "keys", "ls")}
    assert (listed[made["id"]]["name"], listed[made["id"]]["scopes"]) == ("reporting", ["read"])
    assert made["key"] not in json.dumps(listed) + demo.till("keys", "ls").stdout
    assert demo.get("/api/v1/packages").status_code == 200
    assert called_with(demo, made["key"]) == 200
    revoked = demo.till("keys", "revoke", made["id"])
    assert (revoked.returncode, called_with(demo, made["key"])) == (0, 401)
    assert demo.till("keys", "revoke", made["id"]).returncode == 1, "it is revoked already"


def test_a_key_can_be_made_that_ends_or_that_anybody_may_see(demo: Demo) -> None:
    ending = said(demo, "keys", "create", "adviser", "--scopes", "read", "--expires", "2999-01-31")
    page = said(demo, "keys", "create", "web page", "--publishable")
    listed = {key["id"]: key for key in said(demo, "keys", "ls")}
    assert listed[ending["id"]]["expires_at"] == "2999-01-31T00:00:00.000Z"
    assert (listed[page["id"]]["kind"], listed[page["id"]]["scopes"]) == ("publishable", [])
    assert page["key"].startswith("till_pk_sandbox_")
    assert demo.till("keys", "create", "late", "--expires", "2020-01-01").returncode == 1


def test_what_is_done_on_the_command_line_is_in_the_audit_log_under_who_is_logged_in(demo: Demo) -> None:
    made = said(demo, "keys", "create", "audited", "--scopes", "read")
    [entry] = said(demo, "audit", "ls", "--subject", made["id"])["data"]
    assert (entry["action"], entry["actor"]) == ("key.created", f"cli:{getpass.getuser()}")
    assert "key.created" in demo.till("audit", "ls", "--limit", "1").stdout
    assert said(demo, "audit", "check") == {"ok": True, "problems": []}


def called_with(demo: Demo, key: str) -> int:
    """Call the API with a key."""
    return demo.get("/api/v1/packages", key=key).status_code


@pytest.mark.parametrize("words", [("create", "x", "--scopes", "root"), ("create", ""), ("revoke", "key_1")])
def test_a_key_that_cannot_be_made_or_found_is_a_failure_that_says_why(demo: Demo, words: tuple[str, ...]) -> None:
    answer = demo.till("keys", *words)
    assert answer.returncode == 1
    assert "why" in answer.stderr
    assert "next" in answer.stderr
    assert answer.stdout == ""


def test_code_and_database_of_the_demo_agree(demo: Demo) -> None:
    answer = demo.till("migrate", "--check")
    assert (answer.returncode, answer.stdout.strip()) == (0, "Code and database agree.")
    assert "up to date" in demo.till("migrate").stdout


def test_a_database_that_differs_from_the_code_is_a_problem(demo: Demo) -> None:
    as_owner(demo, "CREATE TABLE stranger (id int)")
    answer = demo.till("migrate", "--check")
    as_owner(demo, "DROP TABLE stranger")
    assert answer.returncode == 4
    assert "stranger" in answer.stdout


def test_the_books_of_a_demo_balance(demo: Demo) -> None:
    said(demo, "trigger", "refund.partial")
    checked = said(demo, "ledger", "check")
    assert (checked["balanced"], checked["wrong"]) == (True, [])
    assert {total["difference"] for total in checked["trial_balance"]["totals"]} == {0}
    assert "The books balance." in demo.till("ledger", "check").stdout
    balances = said(demo, "ledger", "balances")
    assert balances["balanced"]
    assert all(account["code"] in demo.till("ledger", "balances").stdout for account in balances["accounts"][:3])


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        ("UPDATE wallet SET balance = balance + 1", "UPDATE wallet SET balance = balance - 1"),
        (
            "UPDATE payment SET amount_captured = amount - 1 WHERE amount_captured = amount AND amount_refunded = 0",
            "UPDATE payment SET amount_captured = amount WHERE amount_captured = amount - 1",
        ),
    ],
    ids=["credits from nowhere", "captured money that is gone"],
)
def test_books_that_were_tampered_with_are_found_out(demo: Demo, spoil: str, mend: str) -> None:
    said(demo, "trigger", "pay.success")
    as_owner(demo, spoil)
    answer = demo.till("ledger", "check", "--json")
    shown = demo.till("ledger", "check")
    as_owner(demo, mend)
    assert answer.returncode == shown.returncode == 4
    assert json.loads(answer.stdout)["wrong"]
    assert "WRONG" in shown.stdout
    assert demo.till("ledger", "check").returncode == 0


def test_a_seal_that_was_kept_still_stands_and_another_one_does_not(demo: Demo) -> None:
    said(demo, "trigger", "pay.success")
    demo.till("ledger", "seal")
    checked = said(demo, "ledger", "check")
    seals = checked["seals"]
    assert (seals["number"] > 0, seals["journals"] > 0) == (True, True)
    kept = f"{seals['number']}:{seals['hash']}"
    assert f"Keep this elsewhere: {seals['number']}" in demo.till("ledger", "check").stdout
    assert demo.till("ledger", "check", "--anchor", kept).returncode == 0
    forged = demo.till("ledger", "check", "--anchor", f"{seals['number']}:{'0' * 64}")
    assert (forged.returncode, "not the one that you kept" in forged.stdout) == (4, True)
    assert demo.till("ledger", "check", "--anchor", "yesterday").returncode == 1


def test_an_amount_that_was_changed_behind_our_back_is_named_by_its_seal(demo: Demo) -> None:
    said(demo, "trigger", "pay.success")
    demo.till("ledger", "seal")
    change = "UPDATE posting SET amount = amount {} 1 WHERE id = (SELECT min(id) FROM posting)"
    off, on = (f"ALTER TABLE posting {switch} TRIGGER USER;" for switch in ("DISABLE", "ENABLE"))
    as_owner(demo, off + change.format("+"))
    answer = demo.till("ledger", "check", "--json")
    as_owner(demo, change.format("-") + ";" + on)
    assert answer.returncode == 4
    assert any(sentence.startswith("Seal 1, entry ") for sentence in json.loads(answer.stdout)["wrong"])
    assert demo.till("ledger", "check").returncode == 0


def test_a_users_statement_is_printed_as_a_table_as_json_and_as_csv(demo: Demo) -> None:
    said(demo, "trigger", "refund.partial")
    payment = demo.get("/api/v1/refunds?limit=1").json()["data"][0]["payment"]
    user = demo.get(f"/api/v1/payments/{payment}").json()["user"]
    page = said(demo, "ledger", "statement", f"wallet:{user}")
    assert "grant" in {line["kind"] for line in page["data"]}
    for later, earlier in pairwise(page["data"]):
        assert later["balance"] == earlier["balance"] + later["credit"] - later["debit"]
    shown = demo.till("ledger", "statement", f"wallet:{user}").stdout
    assert "credits:issuer" in shown
    table = demo.till("ledger", "statement", f"wallet:{user}", "--csv").stdout.splitlines()
    assert table[0].startswith("effective_at,recorded_at,journal,")
    assert len(table) > len(page["data"])
    part = said(demo, "ledger", "statement", f"wallet:{user}", "--limit", "1")
    rest = said(demo, "ledger", "statement", f"wallet:{user}", "--cursor", part["next_cursor"])
    assert (part["data"] + rest["data"])[: len(page["data"])] == page["data"]


def test_balances_as_of_a_moment_and_a_cut_are_the_same_again(demo: Demo) -> None:
    said(demo, "trigger", "pay.success")
    cut = said(demo, "report", "daily")["recorded_before"]
    first = said(demo, "ledger", "balances", "--recorded-before", cut)
    said(demo, "trigger", "pay.success")
    assert said(demo, "ledger", "balances", "--recorded-before", cut) == first
    assert said(demo, "ledger", "balances", "--as-of", "2020-01-01")["accounts"] == []
    assert demo.till("ledger", "balances", "--as-of", "soon").returncode == 1


def test_a_report_shows_what_came_in_by_day_and_by_month(demo: Demo) -> None:
    said(demo, "trigger", "pay.success")
    daily, monthly = said(demo, "report", "daily"), said(demo, "report", "monthly")
    assert sum(row["captured"] for row in daily["data"]) > 0
    assert sum(row["captured"] for row in monthly["data"]) >= sum(row["captured"] for row in daily["data"])
    assert "credits_" in demo.till("report", "daily").stdout
    assert demo.till("report", "monthly", "--csv").stdout.startswith("period,gateway,currency,package,")
    assert "Nothing moved" in demo.till("report", "daily", "--from", "2020-01-01", "--to", "2020-01-02").stdout
    assert demo.till("report", "weekly").returncode == 2
    assert demo.till("report", "daily", "--from", "soon").returncode == 1


def test_a_day_is_added_up_again_on_request(demo: Demo) -> None:
    day = said(demo, "report", "daily")["from"]
    assert day in demo.till("ledger", "recount", day).stdout
    assert demo.till("ledger", "recount", "soon").returncode == 1
    assert demo.till("ledger", "check").returncode == 0


def test_the_doctor_finds_nothing_wrong_with_a_running_demo(demo: Demo) -> None:
    answer = demo.till("doctor", "--json")
    assert (answer.returncode, json.loads(answer.stdout)["problems"]) == (0, 0), answer.stdout


def test_a_second_demo_on_the_same_data_refuses_and_says_what_to_do(demo: Demo) -> None:
    answer = demo.till_alone("demo")
    assert answer.returncode == 1
    assert "Another Tillkeeper is using this data" in answer.stderr
    assert demo.get("/ready").status_code == 200


def test_what_the_demo_tells_is_readable_by_its_owner_alone(demo: Demo) -> None:
    for name in ("demo.json", "secrets.json"):
        assert (demo.data_dir / name).stat().st_mode & 0o777 == 0o600
    told = demo.told
    assert {"api", "shop", "admin", "docs", "sandbox", "metrics", "key", "login", "database_url"} <= told.keys()


def test_metrics_are_read_where_the_demo_says(demo: Demo) -> None:
    answer = httpx2.get(str(demo.told["metrics"]), trust_env=False, timeout=20)
    assert answer.status_code == 200
    assert "till_db_up 1.0" in answer.text
    assert 'till_webhooks_received_total{gateway="stripe"}' in answer.text


def test_the_login_that_the_demo_tells_lets_somebody_in(demo: Demo) -> None:
    api, login = demo.told["api"], demo.told["login"]
    answer = httpx2.post(f"{api}/api/v1/session", json=login, headers={"Origin": api}, trust_env=False)
    assert answer.status_code == 201, answer.text
    assert f"/admin   {login['email']} / {login['password']}" in demo.output.read_text()


def test_nothing_secret_stands_in_the_demo_s_logs(demo: Demo) -> None:
    said(demo, "trigger", "pay.success")
    written = "".join(log.read_text() for log in demo.data_dir.glob("*.log"))
    secrets = json.loads((demo.data_dir / "secrets.json").read_text())
    assert written
    assert [name for name, secret in secrets.items() if secret in written] == []
    assert demo.told["key"] not in written
    for log in demo.data_dir.glob("s*.log"):
        assert all(json.loads(line) for line in log.read_text().splitlines())


def test_a_day_is_compared_and_what_disagrees_is_closed_by_name(demo: Demo, tmp_path: Path) -> None:
    today = clock.now().date().isoformat()
    assert demo.till("trigger", "pay.success").returncode == 0
    compared = demo.till("reconcile", "run", "--gateway", "stripe", "--day", today, "--json")
    assert compared.returncode in {0, 4}, compared.stderr
    [run] = json.loads(compared.stdout)["data"]
    assert (run["status"], run["lines"] > 0, "missing_internal" in run["open"]) == ("done", True, False)
    file = tmp_path / "report.csv"
    file.write_text(
        "balance_transaction_id,created_utc,reporting_category,currency,gross,fee,net\n"
        "txn_by_hand,2026-10-01 12:00:00,other_adjustment,eur,-7.00,0.00,-7.00\n"
    )
    taken = said(demo, "reconcile", "import", str(file), "--gateway", "stripe")
    assert (taken["new"], taken["days"]) == (1, ["2026-10-01"])
    again = demo.till("reconcile", "run", "--gateway", "stripe", "--day", "2026-10-01", "--no-fetch")
    assert (again.returncode, "orphan_adjustment 1" in again.stdout) == (4, True)
    [found] = said(demo, "reconcile", "ls", "--kind", "orphan_adjustment")["data"]
    shown = said(demo, "reconcile", "show", found["id"])
    assert [(each["debit"], each["amount"]) for each in shown["accepting_posts"]] == [("chargeback_loss:EUR", 700)]
    words = ("reconcile", "resolve", found["id"], "--reason", "a test", "--by", "ana", "--action", "accept")
    assert "€7.00" in demo.till(*words, "--dry-run").stdout
    assert said(demo, "reconcile", "ls", "--kind", "orphan_adjustment")["data"] != []
    assert demo.till(*words, "--yes").returncode == 0
    assert demo.till(*words, "--yes").returncode == 1
    [closed] = said(demo, "reconcile", "ls", "--status", "closed", "--kind", "orphan_adjustment")["data"]
    assert (closed["closed_by"], closed["reason"]) == (context.somebody()[1], "a test (on behalf of ana)")
    assert today in {run["day"] for run in said(demo, "reconcile", "runs")["data"]}


def test_a_day_that_is_no_day_is_explained(demo: Demo) -> None:
    answer = demo.till("reconcile", "run", "--day", "yesterday")
    assert (answer.returncode, "2026-11-20" in answer.stderr) == (1, True)


PAID_OUT_BY = {
    "stripe": ("payouts", {"early": True}),
    "razorpay": ("settlements", {"early": True}),
    "paypal": ("payouts", {}),
    "square": ("payouts", {}),
}
ZONES = {"razorpay": "Asia/Kolkata", "paypal": "America/Los_Angeles", "square": "America/Los_Angeles"}


DISPUTED_BY = {
    "stripe": {"payment_intent": "{}"},
    "razorpay": {"payment": "{}"},
    "paypal": {"capture": "{}", "stage": "CHARGEBACK"},
    "square": {"payment": "{}"},
}
SHOWN_WHEN_PAID_OUT = ("razorpay", "square")


@pytest.mark.parametrize("gateway", PAID_OUT_BY)
def test_what_was_sold_refunded_disputed_and_paid_out_by_a_gateway_agrees_with_its_account(
    demo: Demo, gateway: str
) -> None:
    for scenario in ("pay.success", "refund.partial"):
        assert demo.till("trigger", scenario, "--gateway", gateway).returncode == 0
    sell_much(demo, gateway)
    pay_out(demo, gateway)
    for end, status in (("win", "won"), ("lose", "lost")):
        assert disputed_to_the_end(demo, gateway, end)["status"] == status
    if gateway in SHOWN_WHEN_PAID_OUT:
        assert demo.till("trigger", "pay.success", "--gateway", gateway).returncode == 0
        pay_out(demo, gateway)
    today = clock.now().astimezone(ZoneInfo(ZONES.get(gateway, "UTC"))).date().isoformat()
    compared = demo.till("reconcile", "run", "--gateway", gateway, "--day", today, "--json")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    [run] = json.loads(compared.stdout)["data"]
    assert (run["status"], run["lines"] >= len(("capture", "refund", "dispute", "payout")), run["open"]) == (
        "done",
        True,
        {},
    )


def disputed_to_the_end(demo: Demo, gateway: str, end: str) -> dict[str, Any]:
    """Sell something, let the customer's bank take it back, and let somebody decide; return the dispute."""
    payment = said(demo, "trigger", "pay.success", "--gateway", gateway)["outcome"].split()[0]
    reference = demo.get(f"/api/v1/payments/{payment}").json()["gateway_reference"]
    wish = {name: value.format(reference) for name, value in DISPUTED_BY[gateway].items()}
    opened = controlled(demo, gateway, "disputes", wish)
    where = f"/api/v1/disputes?payment={payment}"
    await_true(lambda: bool(demo.get(where).json()["data"]), 15, "the dispute")
    controlled(demo, gateway, f"disputes/{opened.get('id') or opened['dispute_id']}/{end}", {})
    await_true(lambda: demo.get(where).json()["data"][0]["status"] in {"won", "lost"}, 15, "the dispute's end")
    return dict(demo.get(where).json()["data"][0])


def test_a_scenario_on_a_payment_without_goods_says_that_it_needs_some(demo: Demo) -> None:
    made = httpx2.post(
        f"{demo.told['api']}/api/v1/payments",
        json={"amount": 500, "currency": "EUR", "description": "advice"},
        headers={"Authorization": f"Bearer {demo.told['key']}", "Idempotency-Key": "no-goods"},
        trust_env=False,
    )
    answer = demo.till("trigger", "pay.success", "--payment", made.json()["id"])
    assert (answer.returncode, "sells no goods" in answer.stderr) == (1, True)


def sell_much(demo: Demo, gateway: str) -> None:
    """Bring so much in that the gateway holds something whatever fees other tests have left it with."""
    small = said(demo, "trigger", "pay.success", "--gateway", gateway)["outcome"].split()[0]
    currency = demo.get(f"/api/v1/payments/{small}").json()["currency"]
    large = httpx2.post(
        f"{demo.told['api']}/api/v1/payments",
        json={"package": "credits_600", "quantity": 10, "currency": currency, "user": "ana", "gateway": gateway},
        headers={"Authorization": f"Bearer {demo.told['key']}", "Idempotency-Key": f"large-{small}"},
        trust_env=False,
    )
    assert large.is_success, large.text
    assert demo.till("trigger", "pay.success", "--payment", large.json()["id"]).returncode == 0


def pay_out(demo: Demo, gateway: str) -> None:
    """Let a gateway send what it holds to the bank."""
    path, wish = PAID_OUT_BY[gateway]
    controlled(demo, gateway, path, wish)


def controlled(demo: Demo, gateway: str, path: str, wish: dict[str, Any]) -> dict[str, Any]:
    """Act as the gateway, or as the customer at it."""
    answer = httpx2.post(f"{demo.told['sandbox']}/_control/{gateway}/{path}", json=wish, trust_env=False)
    assert answer.is_success, answer.text
    return dict(answer.json())
