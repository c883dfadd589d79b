"""`till openapi`: the description of the API, as docs/openapi.json holds it."""

import typer

from tillkeeper.web import description
from tillkeeper.web.app import described


def openapi() -> None:
    """Print the OpenAPI 3.1 description of the API, with examples."""
    typer.echo(description.written(described().openapi()), nl=False)
