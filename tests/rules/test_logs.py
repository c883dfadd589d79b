"""What is masked in whatever is logged, stored or shown."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog._config import BoundLoggerLazyProxy

from tillkeeper.facts import Notice, NoticeKind
from tillkeeper.gateway import Declined, Envelope, Refused, Unknown
from tillkeeper.kernel import cards, logs
from tillkeeper.kernel.errors import NotFoundError, problem

VISA = "4242424242424242"


def test_what_is_stored_as_a_reason_is_masked() -> None:
    assert VISA not in logs.mask(f"bad value {VISA} for whsec_abcdef")
    assert "whsec_abcdef" not in logs.mask("bad value for whsec_abcdef")


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_51Nabc",
        "rk_test_51Nabc",
        "whsec_c2VjcmV0",
        "rzp_live_8aBcDeFgH",
        "rzp_test_8aBcDeFgH",
        "EAAAl0123456789abcdefghijk",
        "sq0csp-0123456789abc",
        "sq0idp-0123456789abc",
        "A21AAF0123456789-abc_def",
        "access_token$production$x1y2z3$0123456789abcdef",
        "Basic cnpwX2xpdmU6c2VjcmV0",
        "Bearer eyJhbGciOi",
        "till_sk_live_0123-abc",
    ],
)
def test_what_opens_an_account_is_masked_whatever_gateway_it_belongs_to(secret: str) -> None:
    masked = logs.mask(f"it said: {secret} and no more")
    assert masked == f"it said: {logs.MASK} and no more"


@pytest.mark.parametrize(
    "text", ["ana@shop.test", "Invalid email address: Ana.B+c@x.example.org", "a=1&email=ana%40shop.test", "<ö@ü.test>"]
)
def test_an_address_of_a_person_is_masked(text: str) -> None:
    masked = logs.mask(text)
    assert "@" not in masked
    assert "%40" not in masked
    assert logs.mask(masked) == masked


@pytest.mark.parametrize(
    "text", ["2026-11-20T10:00:00Z", "payment_01h455vb4pex5vsknk084sn02q @ 5", "a@b", "@shop.test"]
)
def test_what_is_no_address_is_left_as_it_is(text: str) -> None:
    assert logs.mask(text) == text


@pytest.mark.parametrize("name", [name for name, each in vars(logs).items() if isinstance(each, BoundLoggerLazyProxy)])
def test_no_log_is_written_past_the_mask(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    getattr(logs, name).warning("said", of=f"card {VISA}")
    written = "".join(capfd.readouterr())
    assert f"card {logs.MASK}" in written
    assert VISA not in written


def test_a_log_without_room_keeps_nobody_from_what_it_tells_of(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115 (closing it fails as well, as it should)
    monkeypatch.setattr(sys, "stderr", full)
    logs.Line().msg("said")
    with pytest.raises(OSError, match="No space"):
        full.close()


LONG = 200_000
"""So long that whatever reads a part of a text twice, and a part of that again, would not end within the test."""


@pytest.mark.parametrize(
    "part",
    [
        *(
            "a",
            "a@",
            "a%40",
            "eyJ",
            "eyJaaaaaaaa.",
            ")=(",
            "\u0301",
            "\u0301\u0316",
            "4",
            "4 ",
            "4000 ",
            "40000000 ",
            "%34",
        ),
        *("AA11 1 1 ", "token", 'token="', "cookie:", "://", "-----BEGIN ", "+1 1 1 ", ")=(\n", "_secret", "_secret_ "),
        *("B4242424242424242^", "till_sk_", "access_token$", "Bearer ", " ", "1.", "-1111", "phone=1 ", "cvc "),
    ],
)
def test_a_long_text_is_masked_in_time_that_grows_with_its_length(part: str) -> None:
    text = part * (LONG // len(part))
    masked = logs.mask(text)
    assert logs.mask(masked) == masked
    cards.holds_number(text)
    text = "".join(sorted(text))
    cards.holds_number(text)
    logs.mask(text)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("pi_3Nabc_secret_xYz123abc", "***"),
        ("https://x.example/?client_secret=abc&y=1", "https://x.example/?client_secret=***&y=1"),
        ("https://x.example/?next=%3Ftoken%3Dabc&y=1", "https://x.example/?next=%3Ftoken%3D***&y=1"),
        ("redis://:hunter2@10.0.0.5:6379/0", "redis://***:6379/0"),
        ("paid by ana@okhdfcbank", "paid by ***"),
        ("call +91 98765 43210, please", "call ***, please"),
        ("call %2B919876543210", "call ***"),
        ("phone=98765 43210", "phone=***"),
        ("from DE89370400440532013000 to us", "from *** to us"),
        ("from GB29 NWBK 6016 1331 9268 19 to us", "from *** to us"),
        ("from BE68 5390 0754 7034 PAID", "from *** PAID"),
        ("cvc=123 cvv: 456, CVC 789", "cvc=*** cvv: ***, CVC ***"),
        ("x-api-key: abcdef123456", "x-api-key: ***"),
        ("till_session=abcdefghijk; Path=/", "till_session=***; Path=/"),
        ('{"password": "hunter2", "a": 1}', '{"password": "***", "a": 1}'),
        ('{\\"password\\": \\"hunter2\\"}', '{\\"password\\": \\"***\\"}'),
        ("password=hunter2", "password=***"),
        ("{'Cookie': 'a=b; c=d', 'x': 1}", "{'Cookie': '***', 'x': 1}"),
        ("(b'authorization', b'xyz')", "(b'authorization', b'***')"),
        ("Cookie: a=b; c=d\nHost: x", "Cookie: ***\nHost: x"),
        ("Stripe-Signature: t=1,v1=abc\nHost: x", "Stripe-Signature: ***\nHost: x"),
        ("%B4242424242424242^DOE/JOHN^25121011000?", "***"),
        (";4242424242424242=25121011000?", "***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJh", "***"),
    ],
)
def test_each_thing_that_is_secret_is_masked_and_nothing_beside_it(text: str, masked: str) -> None:
    assert logs.mask(text) == masked
    assert logs.mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-20T10:00:00.123456+00:00", "payment_01h455vb4pex5vsknk084sn02q", "1732160000123", "EUR 4500.00"),
        *(
            "The signature is not by a key that is accepted here.",
            "DE89370400440532013001",
            "order 4500012345 of 12.11.",
        ),
        *(
            "/api/v1/payments/payment_01h455vb4pex5vsknk084sn02q/timeline",
            "pi_3MtwBwLkdIwHu7ix28a3tqPa",
            "10.0.0.5:6379",
        ),
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert logs.mask(text) == text


PIECES = st.sampled_from(
    [
        *(
            "4242424242424242",
            "4242 4242 4242 4242",
            "4242",
            "123",
            "12/27",
            "-",
            " ",
            "_",
            "x",
            "a1b2",
            "=",
            ":",
            "@",
            ".",
        ),
        *(
            "whsec_abc",
            "sk_live_abc",
            "ana@shop.test",
            "ana@okbank",
            "+49 151 1234567",
            "password",
            "cookie: ",
            "token=",
        ),
        *(
            "DE89370400440532013000",
            "eyJhbGciOiJI",
            "B4242424242424242^A B^1",
            "://",
            "\n",
            "%3D",
            "%20",
            "\u0664",
            "\u200b",
        ),
        *(
            "378282246310005",
            "4000",
            "40000000",
            "***",
            "Bearer ",
            "'",
            '"',
            "cvc ",
            ")=(",
            "(",
            ") already",
            "4000001",
        ),
    ]
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_was_masked_is_not_masked_again(text: str) -> None:
    masked = logs.mask(text)
    assert logs.mask(masked) == masked
    assert not cards.holds_number(masked)


def test_names_whole_numbers_bytes_and_other_things_are_masked_like_texts() -> None:
    class Strange:
        def __repr__(self) -> str:
            return "<Strange sk_live_abc>"

    said = {VISA: 1, "n": int(VISA), "b": VISA.encode(), "s": {VISA}, "deep": [({"x": VISA},)], "o": Strange()}
    cleaned = logs.clean(said | {"small": 7, "none": None, "yes": True})
    assert cleaned == {
        logs.MASK: 1, "n": logs.MASK, "b": logs.MASK, "s": [logs.MASK], "deep": [[{"x": logs.MASK}]],
        "o": "<Strange ***>", "small": 7, "none": None, "yes": True,
    }  # fmt: skip
    assert logs.scrub(None, "info", {VISA: 1, "event": "x", "api-key": "y"}) == {
        logs.MASK: 1, "event": "x", "api-key": logs.MASK,
    }  # fmt: skip


@pytest.mark.parametrize("end", ["\n-----END PRIVATE KEY-----\n, and more", ""])
def test_a_private_key_is_masked_to_its_end(end: str) -> None:
    masked = logs.mask(f"key: -----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADANBg{end}")
    assert "MIIEvQ" not in masked
    assert "IBADANBg" not in masked
    assert masked.startswith("key: ***")


@pytest.mark.parametrize(
    "quoted",
    [
        "DETAIL:  Failing row contains (1, null, Ana Maria,\nSecret Street).",
        "DETAIL:  Key (name)=(Ana Maria, Secret Street) already exists.",
        'DETAIL:  Key (name)=(Ana Maria) is not present in table "customer".',
    ],
)
def test_the_row_that_postgresql_quotes_is_masked_and_what_it_says_of_it_is_not(quoted: str) -> None:
    masked = logs.mask(quoted)
    assert "Ana" not in masked
    assert "Secret" not in masked
    assert masked.startswith(quoted.partition("(")[0])


def test_what_a_gateway_says_is_masked_before_it_is_kept() -> None:
    failed = Notice(
        kind=NoticeKind.PAYMENT_FAILED, gateway="stripe", references=(), code="declined", message=f"no {VISA}"
    )
    assert (failed.code, failed.message) == ("declined", "no ***")
    assert Declined(code="invalid", message="Invalid API Key: sk_live_abc").message == "Invalid API Key: ***"
    assert Refused(reason="for ana@buyers.example").reason == "for ***"
    assert Unknown(reason=f"said {VISA}").reason == "said ***"
    assert Envelope(event_id="evt_1", type=f"card.{VISA}").type != f"card.{VISA}"
    assert Envelope(event_id="evt_1", type="payment_intent.succeeded").type == "payment_intent.succeeded"


def test_a_problem_says_no_secret_back_to_whoever_sent_it() -> None:
    told = problem(NotFoundError("There is nothing at /sk_live_abc.", param="whsec_abc"))
    assert (told["detail"], told["param"]) == ("There is nothing at /***.", "***")


def test_a_masked_text_can_be_stored() -> None:
    assert logs.mask("a\x00b\ud800c") == "a\ufffdb\ufffdc"
