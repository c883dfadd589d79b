"""A letter as a PDF: Razorpay takes evidence only as documents, and ours is text."""

import textwrap
from collections.abc import Iterable

line_length_max = 95
lines_a_page = 60
pages_max = 20
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
CATALOG, TREE, FACE = 1, 2, 3
"""The numbers of the objects that every letter has; its pages follow, each with what stands on it."""


def write(sections: Iterable[tuple[str, str]]) -> bytes:
    """Set sections with their headings in plain type; letters that the type lacks become question marks."""
    lines = [line for heading, text in sections for line in (heading.upper(), *_wrapped(text), "")]
    pages = [lines[start : start + lines_a_page] for start in range(0, len(lines) or 1, lines_a_page)][:pages_max]
    numbers = range(FACE + 1, FACE + 1 + 2 * len(pages), 2)
    kids = " ".join(f"{number} 0 R" for number in numbers).encode()
    objects = [
        b"<< /Type /Catalog /Pages %d 0 R >>" % TREE,
        b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, len(pages)),
        FONT,
    ]
    for number, page in zip(numbers, pages, strict=True):
        objects += [_page(number + 1), _stream(page)]
    return _file(objects)


def _wrapped(text: str) -> list[str]:
    return [line for part in text.splitlines() for line in textwrap.wrap(part, line_length_max) or [""]]


def _page(content: int) -> bytes:
    fonts = b"/Resources << /Font << /F %d 0 R >> >>" % FACE
    return b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] %b /Contents %d 0 R >>" % (TREE, fonts, content)


def _stream(lines: Iterable[str]) -> bytes:
    """Put lines below each other."""
    shown = b"".join(b"(%b) Tj T*\n" % _escaped(line) for line in lines)
    drawn = b"BT /F 10 Tf 12 TL 50 790 Td\n" + shown + b"ET"
    return b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn)


def _escaped(line: str) -> bytes:
    raw = line.encode("cp1252", errors="replace")
    for letter in (b"\\", b"(", b")"):
        raw = raw.replace(letter, b"\\" + letter)
    return raw


def _file(objects: list[bytes]) -> bytes:
    """Put objects into a file, and at its end the list of where each begins."""
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, CATALOG, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer
