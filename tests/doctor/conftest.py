"""The distributions of tests/plugins, installed for a test."""

from plugin_wheels import install, site

__all__ = ["install", "site"]
