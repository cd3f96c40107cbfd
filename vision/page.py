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
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def render(template: str, **values: Any) -> str:
    """A page from one of `vision/templates`; every value is escaped."""
    return _templates().get_template(template).render(**values)


def data_uri(picture: Image.Image | Path) -> str:
    """A picture as it stands in a page: an image of ours as JPEG, a PNG file as it is."""
    if isinstance(picture, Path):
        kind, content = "png", picture.read_bytes()
    else:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        kind, content = "jpeg", buffer.getvalue()
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
