"""Self-contained HTML pages: one file with its pictures inside, that reads as well on paper."""

from __future__ import annotations

import base64
import io
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image


@cache
def _templates() -> jinja2.Environment:
    folder = Path(__file__).parent / "templates"
    loader = jinja2.FileSystemLoader(folder)
    found = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters["data_uri"] = data_uri
    return found


def render(template: str, **values: Any) -> str:
    """A page from one of `vision/templates`; every value is escaped."""
    return _templates().get_template(template).render(**values)


def data_uri(picture: Image.Image) -> str:
    """A picture as it stands in a page."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
