"""The hosted checkout page, used as a browser without JavaScript would use it."""

import re
from typing import Any

import httpx2


def press(sandbox: Any, session: Any, **fields: str) -> httpx2.Response:
    answer: httpx2.Response = sandbox.http.post(f"{sandbox.url}/stripe/pay/{session.id}", data=fields)
    assert answer.status_code == 303
    return answer


def test_the_page_shows_what_is_bought_and_for_how_much(sandbox: Any) -> None:
    for amount, currency, written in ((1200, "usd", "$12.00"), (1200, "jpy", "¥1,200"), (12340, "kwd", "12.340 KWD")):
        page = sandbox.http.get(sandbox.session(amount=amount, currency=currency).url)
        assert page.status_code == 200
        assert f"Pay {written}" in page.text
        assert "120 credits" in page.text
        assert "no real money moves" in page.text


def test_pay_leads_to_the_success_address_with_the_sessions_id(sandbox: Any, until: Any) -> None:
    session = sandbox.session()
    onward = press(sandbox, session, act="pay", copies="3").headers["location"]
    assert onward == f"https://shop.example/done?session={session.id}"
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    until(lambda: sandbox.receiver.types().count("checkout.session.completed") == 3)


def test_pressing_pay_twice_charges_once(sandbox: Any) -> None:
    session = sandbox.session()
    press(sandbox, session, act="pay")
    assert press(sandbox, session, act="pay").headers["location"] == f"/stripe/pay/{session.id}"
    page = sandbox.http.get(session.url)
    assert "Already paid" in page.text
    assert f'href="https://shop.example/done?session={session.id}"' in page.text
    assert len(sandbox.get("charges").json()["data"]) == 1


def test_a_decline_is_explained_on_the_page(sandbox: Any) -> None:
    session = sandbox.session()
    for code, says in (("insufficient_funds", "insufficient funds"), ("expired_card", "has expired")):
        assert press(sandbox, session, act="decline", code=code).headers["location"] == f"/stripe/pay/{session.id}"
        assert says in sandbox.http.get(session.url).text


def test_authentication_leads_over_the_banks_page(sandbox: Any) -> None:
    session = sandbox.session()
    for outcome, onward in (("fail", f"/stripe/pay/{session.id}"), ("complete", "https://shop.example/done")):
        bank = sandbox.url + press(sandbox, session, act="authenticate").headers["location"]
        assert "Confirm it is you" in sandbox.http.get(bank).text
        answer = sandbox.http.post(bank, data={"outcome": outcome})
        assert answer.headers["location"].startswith(onward)
    assert "nothing to confirm" in sandbox.http.get(bank).text
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_an_intent_without_a_session_returns_to_its_own_address(sandbox: Any) -> None:
    form = "amount=900&currency=eur&confirm=true&payment_method=pm_card_authenticationRequired"
    intent = sandbox.post("payment_intents", f"{form}&return_url=https://shop.example/back?a=1").json()
    answer = sandbox.http.post(intent["next_action"]["redirect_to_url"]["url"], data={"outcome": "complete"})
    assert answer.headers["location"].startswith(f"https://shop.example/back?a=1&payment_intent={intent['id']}&")
    assert answer.headers["location"].endswith("redirect_status=succeeded")


def test_closing_the_tab_leaves_the_session_open(sandbox: Any) -> None:
    session = sandbox.session()
    assert press(sandbox, session, act="abandon").headers["location"] == "https://shop.example/cart"
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert sandbox.event_types() == []


def test_an_expired_session_says_so_and_takes_no_money(sandbox: Any) -> None:
    session = sandbox.session()
    sandbox.stripe.v1.checkout.sessions.expire(session.id)
    press(sandbox, session, act="pay")
    assert "This checkout has expired" in sandbox.http.get(session.url).text
    assert sandbox.get("charges").json()["data"] == []


def test_an_unknown_session_is_a_plain_404(sandbox: Any) -> None:
    page = sandbox.http.get(f"{sandbox.url}/stripe/pay/cs_test_none")
    assert (page.status_code, "There is no such checkout" in page.text) == (404, True)


def test_the_policy_lets_no_script_run_and_lets_the_form_reach_the_shop(sandbox: Any) -> None:
    page = sandbox.http.get(sandbox.session().url)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://shop.example" in policy
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", page.text)


def test_what_a_merchant_names_its_goods_is_shown_as_text(sandbox: Any) -> None:
    price = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "<b>120</b> & more"}}
    page = sandbox.http.get(sandbox.session(line_items=[{"price_data": price, "quantity": 1}]).url)
    assert "&lt;b&gt;120&lt;/b&gt; &amp; more" in page.text


def embedded(sandbox: Any, **more: str) -> Any:
    where = {"success_url": "", "cancel_url": "", "return_url": "https://shop.example/r?s={CHECKOUT_SESSION_ID}"}
    return sandbox.session(ui_mode="embedded_page", **{**where, **more})


def test_an_embedded_checkout_is_shown_in_a_frame_to_who_holds_its_secret(sandbox: Any) -> None:
    session = embedded(sandbox)
    page = sandbox.http.get(f"{sandbox.url}/stripe/embedded/{session.client_secret}")
    assert (page.status_code, "Pay $12.00" in page.text) == (200, True)
    assert "frame-ancestors *;" in page.headers["content-security-policy"]
    assert f'action="/stripe/embedded/{session.client_secret}"' in page.text
    plain = sandbox.http.get(f"{sandbox.url}/stripe/pay/{session.id}")
    assert (plain.status_code, "frame-ancestors 'none'" in plain.headers["content-security-policy"]) == (200, True)
    for secret in (f"{session.client_secret}x", f"{session.id}_secret_", session.id, "cs_test_none_secret_x"):
        assert sandbox.http.get(f"{sandbox.url}/stripe/embedded/{secret}").status_code == 404


def test_an_embedded_checkout_leaves_its_frame_only_when_it_is_paid(sandbox: Any) -> None:
    session = embedded(sandbox)
    address = f"{sandbox.url}/stripe/embedded/{session.client_secret}"
    assert 'value="pay" formtarget="_top"' in sandbox.http.get(address).text
    declined = sandbox.http.post(address, data={"act": "decline"})
    assert declined.headers["location"] == f"/stripe/embedded/{session.client_secret}"
    assert "Not paid." in sandbox.http.get(address).text
    paid = sandbox.http.post(address, data={"act": "pay"})
    assert paid.headers["location"] == f"https://shop.example/r?s={session.id}"
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_an_embedded_checkout_without_redirect_stays_where_it_is(sandbox: Any) -> None:
    session = embedded(sandbox, redirect_on_completion="never", return_url="")
    address = f"{sandbox.url}/stripe/embedded/{session.client_secret}"
    assert 'value="pay">' in sandbox.http.get(address).text
    paid = sandbox.http.post(address, data={"act": "pay"})
    assert paid.headers["location"] == f"/stripe/embedded/{session.client_secret}"
    assert "Already paid" in sandbox.http.get(address).text
