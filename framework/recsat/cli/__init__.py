"""The command ``recsat``. Importing it loads no torch and no plugin; the commands do, when they run."""

from recsat.cli.app import app, main

__all__ = ["app", "main"]
