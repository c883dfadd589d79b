"""Who is let in, as pure functions: passwords, codes and the ends of sessions."""

import hmac
import secrets
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tillkeeper.access.staff import well_known
from tillkeeper.kernel.errors import InvalidFieldError

password_length_min = 12
password_length_max = 256
email_length_max = 254
idle_minutes = 30
session_hours_max = 12
proof_minutes = 10
totp_seconds = 30
totp_steps_around = 1
wrong_codes_per_hour_max = 10
"""Of a million codes three are good at a time, so that whoever has a password would guess one within years."""
guesses_last = timedelta(hours=1)
crowd_digits = 3
ISSUER = "Tillkeeper"
HASHER = PasswordHasher()


def check_email(email: str) -> str:
    """Write an address as it is kept; raises InvalidFieldError."""
    name, at, domain = email.strip().lower().partition("@")
    if not (name and at and domain) or len(email) > email_length_max or not email.isprintable() or " " in email.strip():
        message = "This is no e-mail address."
        raise InvalidFieldError(message, param="email")
    return f"{name}@{domain}"


def check_password(password: str) -> None:
    """Raise InvalidFieldError for a password that is too short, too long to be worth hashing, or known to everybody."""
    if not password_length_min <= len(password) <= password_length_max:
        message = f"A password has {password_length_min} to {password_length_max} characters."
        raise InvalidFieldError(message, param="new_password")
    if well_known.holds(password):
        message = "So many people have this password that it is tried first. Take some words that nobody says together."
        raise InvalidFieldError(message, param="new_password")


def hashed(password: str) -> str:
    """Hash a password with argon2id; takes a while on purpose."""
    return HASHER.hash(password)


@cache
def nobodys() -> str:
    """Hash a password that nobody knows."""
    return HASHER.hash(secrets.token_bytes(password_length_max))


def fits(password: str, kept: str | None) -> bool:
    """Tell whether a password is the one that was hashed; takes as long when there is none."""
    nobody = nobodys()  # made by whoever comes first, so that it is not only strangers whom a new process lets wait
    try:
        return len(password) <= password_length_max and HASHER.verify(kept or nobody, password)
    except (VerificationError, InvalidHashError):
        return False


def step_of(code: str, secret: str, now: datetime, *, after: int) -> int | None:
    """Find the moment whose code this is, among those around now that come after the last one used."""
    totp, present = pyotp.TOTP(secret, interval=totp_seconds), int(now.timestamp()) // totp_seconds
    for step in range(present - totp_steps_around, present + totp_steps_around + 1):
        if step > after and hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()):
            return step
    return None


def guesses_since(now: datetime) -> datetime:
    """Tell when the first of the wrong codes must have come that still count."""
    return now - guesses_last


def guesses_wait(wrong: int, since: datetime | None, now: datetime) -> timedelta:
    """Tell how long no code is looked at, after as many wrong ones."""
    if since is None or wrong < wrong_codes_per_hour_max:
        return timedelta()
    return max(timedelta(), since + guesses_last - now)


def crowd(secret: str, email: str) -> str:
    """Name which of 4,096 counters a made-up account shares with others: it is tried as often as a real one.

    With counters of their own, whoever makes accounts up would make rows up; with one for all, its end would tell.
    """
    known = b"made-up account\n" + email.strip().lower().encode()
    return f"nobody {hmac.new(secret.encode(), known, sha256).hexdigest()[:crowd_digits]}"


def alive_since(now: datetime) -> tuple[datetime, datetime]:
    """Tell when a session must have been seen last, and when it must have begun, to be good now."""
    return now - timedelta(minutes=idle_minutes), now - timedelta(hours=session_hours_max)


def fresh_until(proved_at: datetime) -> datetime:
    """Tell until when what is dangerous may be done without giving the password again."""
    return proved_at + timedelta(minutes=proof_minutes)


def is_fresh(proved_at: datetime, now: datetime) -> bool:
    """Tell whether the password was given recently enough for what is dangerous."""
    return now < fresh_until(proved_at)


def ends_at(begun_at: datetime) -> datetime:
    """Tell when a session ends, however much it is used."""
    return begun_at + timedelta(hours=session_hours_max)


def totp_address(secret: str, email: str) -> str:
    """Write a second factor as apps read it from a picture."""
    return pyotp.TOTP(secret, interval=totp_seconds).provisioning_uri(name=email, issuer_name=ISSUER)


def form_token(secret: str, session: bytes) -> str:
    """Make what a form of ours carries, and no form of others can."""
    return hmac.new(secret.encode(), b"dashboard form\n" + session, sha256).hexdigest()
