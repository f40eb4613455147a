"""Settings of every property test, those of the plugins too.

Without a deadline: on a busy machine the same example takes ten times as long, and a test that fails then says nothing.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("recsat", deadline=None)
settings.load_profile("recsat")
