"""What a page of ours may load and where it may lead: nothing foreign."""

from collections.abc import Iterable


def content(onward: Iterable[str] = ()) -> str:
    """Write the Content-Security-Policy of a page; `onward` are other origins that its forms may lead to."""
    targets = " ".join(["'self'", *onward])
    return (
        "default-src 'self'; object-src 'none'; img-src 'self' data:;"
        f" frame-ancestors 'none'; base-uri 'none'; form-action {targets}"
    )
