"""Satisfaction metrics that several domains share, as functions that make them: a plugin names the event and says it in words.

In replay a list was never shown, so a rate says what share of it the user went for *anyway*; only :func:`click_through_rate`
looks at what was shown. ``L`` is a user's list and ``H`` the user's hits, the held-out events on items of the list. Where a
``kind`` is given, both are of its items alone.
"""

from recsat.metrics.amounts import event_sum, mean_value, value_per_thousand
from recsat.metrics.rates import click_through_rate, conversion_rate, event_rate, follow_up_rate, rejection_rate
from recsat.metrics.retention import retention

__all__ = [
    "click_through_rate",
    "conversion_rate",
    "event_rate",
    "event_sum",
    "follow_up_rate",
    "mean_value",
    "rejection_rate",
    "retention",
    "value_per_thousand",
]
