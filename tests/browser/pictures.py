"""Compare a picture with the one that is kept.

The same Chromium draws the same page to the pixel, also where fonts are hinted otherwise. So the measure need only be
wide enough for a letter that is smoothed a little differently, and narrow enough for a hairline or one more accent.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

GOLDEN = Path(__file__).parent / "golden"
RENEW = bool(os.environ.get("TILL_TEST_RENEW"))
blur_px = 1
step_max = 4
"""By so much of 255 a colour may be another before its pixel counts."""
pixels_per_million_max = 200


@dataclass(frozen=True)
class Difference:
    """Hold by how much two pictures differ, and where."""

    per_million: int
    where: Image.Image


def kept(picture: bytes) -> bytes:
    """Make a picture as small as it can be without losing anything."""
    made = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(made, "PNG", optimize=True)
    return made.getvalue()


def compare(one: bytes, other: bytes) -> Difference:
    """Count the pixels that differ; pictures of two sizes differ everywhere."""
    first, second = (Image.open(io.BytesIO(each)).convert("RGB") for each in (one, other))
    if first.size != second.size:
        return Difference(1_000_000, second)
    blurred = [each.filter(ImageFilter.BoxBlur(blur_px)) for each in (first, second)]
    bands = ImageChops.difference(*blurred).split()
    most = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    marked = most.point(lambda step: 255 if step > step_max else 0)
    count = marked.histogram()[255]
    shown = Image.composite(Image.new("RGB", first.size, "red"), second, marked)
    return Difference(count * 1_000_000 // (first.width * first.height), shown)


def check(name: str, taken: bytes, folder: Path) -> str:
    """Compare a picture with the kept one of its name, and say what is not right; nothing where all is.

    With TILL_TEST_RENEW=1 a picture that differs takes the place of the kept one.
    """
    golden = GOLDEN / f"{name}.png"
    found = compare(golden.read_bytes(), taken) if golden.exists() else None
    if found and found.per_million <= pixels_per_million_max:
        return ""
    if RENEW:
        GOLDEN.mkdir(exist_ok=True)
        golden.write_bytes(kept(taken))
        return ""
    (folder / f"{name}.png").write_bytes(taken)
    if not found:
        return f"{name} is not kept yet; it looks as {folder / name}.png"
    found.where.save(folder / f"{name}-difference.png")
    return f"{name}: {found.per_million} of a million pixels differ; see {folder / name}.png and {name}-difference.png"
