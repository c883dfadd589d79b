"""Style sheets, scripts, fonts and icons, each under an address that names its very content."""

import hashlib
from functools import cache
from os import PathLike, stat_result
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
KEEP_FOR_GOOD = "public, max-age=31536000, immutable"
ASK_EACH_TIME = "no-cache"
version_length = 12


@cache
def version(name: str) -> str:
    """Name the content of a file."""
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:version_length]


def url(name: str) -> str:
    """Name a file together with its content, so that browsers may keep it for good."""
    return f"/static/{name}?v={version(name)}"


class Assets(StaticFiles):
    """Serve the files, to be kept for good by whoever asked for the content that they have."""

    def file_response(
        self, full_path: "str | PathLike[str]", stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with one file."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        asked = scope["query_string"].decode("latin-1").removeprefix("v=")
        current = asked == version(Path(full_path).relative_to(FOLDER).as_posix())
        answer.headers["Cache-Control"] = KEEP_FOR_GOOD if current else ASK_EACH_TIME
        return answer
