"""The hooks are in another module."""
