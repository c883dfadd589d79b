"""Forms with files, as gateways take evidence: each part by its name."""

from email import message_from_bytes

from tillkeeper.sandbox_kit.books import Json

DASHES = b"--"


def is_form(raw: bytes) -> bool:
    """Tell whether a body is a form with parts; a JSON object never begins so."""
    return raw.startswith(DASHES) and b"\r\n" in raw


def read(raw: bytes) -> Json:
    """Read the parts of a form by their names; what they hold is bytes."""
    boundary = raw.partition(b"\r\n")[0].removeprefix(DASHES)
    head = b'Content-Type: multipart/form-data; boundary="' + boundary + b'"\r\n\r\n'
    parts = [part for part in message_from_bytes(head + raw).walk() if not part.is_multipart()]
    named = ((part.get_param("name", header="content-disposition"), part.get_payload(decode=True)) for part in parts)
    return {str(name): held for name, held in named if name}
