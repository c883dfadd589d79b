"""Forms with files, as an HTTP library writes them."""

import httpx2

from tillkeeper.sandbox_kit import multipart


def test_a_form_is_read_part_by_part() -> None:
    files = {"file": ("letter.pdf", b"%PDF-\r\n\x00\xff--", "application/pdf")}
    raw = httpx2.Request("POST", "http://till.test", data={"purpose": "proof"}, files=files).read()
    assert multipart.is_form(raw)
    assert multipart.read(raw) == {"purpose": b"proof", "file": b"%PDF-\r\n\x00\xff--"}


def test_a_json_object_is_no_form() -> None:
    assert not multipart.is_form(b'{"a": 1}')
    assert not multipart.is_form(b"--")


def test_a_form_that_is_broken_has_no_parts() -> None:
    assert multipart.read(b"--x\r\nnothing that ends") == {}
