"""Requests to the API as people type them into a shell."""

from tillkeeper.till import Till

KEY = "$TILL_KEY"
"""The shell puts the key in: what is copied holds no secret, and quotes must let this be read."""


def command(till: Till, path: str) -> str:
    """Write a GET request; the path is encoded for a URL, so that nothing in it means anything to a shell."""
    return f'curl -H "Authorization: Bearer {KEY}" "{till.settings.public_url}{path}"'
