"""The command `vnvision`: thin, each command parses its arguments, calls a room, and prints."""

from __future__ import annotations

from vision.cli import measuring, sharing, training, views
from vision.cli.base import cli, main

__all__ = ["cli", "main", "measuring", "sharing", "training", "views"]
