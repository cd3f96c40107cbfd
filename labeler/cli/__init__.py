"""The vnlabel commands: thin, each parses its arguments, calls a room and prints.

A command is imported when it is used, and the engine when it labels, so that --help answers at once.
"""

from labeler.cli.base import cli, main

__all__ = ["cli", "main"]
