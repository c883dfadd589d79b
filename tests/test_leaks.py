"""The search for secrets in files that are kept, which the lint leg of `.ci/run` makes, finds one of each kind."""

import secrets
import string
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests import leaks


def letters(count: int) -> str:
    """Make up letters and digits that no file holds."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))


def private_key() -> str:
    """Make a key of the usual form."""
    pem, traditional = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return (
        ec.generate_private_key(ec.SECP256R1()).private_bytes(pem, traditional, serialization.NoEncryption()).decode()
    )


def test_everything_that_is_kept_is_searched() -> None:
    names = leaks.kept()
    assert len(names) > 1_000
    assert {"src/tillkeeper/settings.py", "tests/leaks.py", ".ci/run", "deploy/compose.yml"} <= {*names}


def test_whatever_is_said_to_be_no_secret_is_still_found() -> None:
    assert {(name, kind) for name, _, kind in leaks.found({name for name, _ in leaks.KNOWN})} == {*leaks.KNOWN}


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(lambda: f"till_sk_live_{letters(40)}", id="a key of ours"),
        pytest.param(lambda: f"sk_live_{letters(24)}", id="Stripe"),
        pytest.param(lambda: f"rk_live_{letters(40)}", id="a restricted key of Stripe"),
        pytest.param(lambda: f"rzp_live_{letters(14)}", id="Razorpay"),
        pytest.param(lambda: f"EAAA{letters(60)}", id="Square"),
        pytest.param(lambda: f"A21AA{letters(90)}", id="PayPal"),
        pytest.param(lambda: f"AKIA{letters(16).upper()}", id="AWS"),
        pytest.param(lambda: f"ghp_{letters(36)}", id="GitHub"),
        pytest.param(private_key, id="a private key"),
    ],
)
def test_a_secret_that_was_left_in_a_file_is_found_and_not_repeated(
    secret: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(secret)
    left, file = secret(), tmp_path / "settings.py"
    file.write_text(f'"""Settings."""\n\nKEY = """{left}"""\n')
    assert leaks.main([str(file)]) == 1
    said = capsys.readouterr().out
    assert "settings.py:3:" in said
    assert left[12:] not in said
