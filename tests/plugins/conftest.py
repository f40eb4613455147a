"""The distributions of this folder, installed for a test."""

from plugin_wheels import build_wheel_of, install, site

__all__ = ["build_wheel_of", "install", "site"]
