"""What every arm must do, whatever it computes."""

from __future__ import annotations

from typing import Any

import pytest

from recsat.builtin.arms import RECOMMENDERS
from recsat.testing import RecommenderContract
from recsat.testing.worlds import checkerboard, fashions, rated, taste_groups

QUICK = {
    "sequence": {"width": 32, "n_layers": 1, "length": 20, "epochs": 25}
}  # what is trained in epochs: minutes at its defaults
# A control is its arm with other vectors; what reads texts of users is in test_user_text.py.
SPECS = {spec.name: spec for spec in RECOMMENDERS if spec.control is None and not spec.reads_users}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, QUICK.get(name, {})) for name in SPECS},
    # alpha above 1 changes the normal equations with the history; a large catalogue has another warm part
    "ials, weighted": ("ials", {"factors": 6, "alpha": 8.0}),
    "hybrid, large catalogue": ("hybrid", {"dense_limit": 10}),
    "popularity-recent, in fashion": ("popularity-recent", {}),
    "ease, in fashion": ("ease", {"l2": 10.0, "recency": "auto"}),
}


class TestArms(RecommenderContract):
    @pytest.fixture(autouse=True, params=VARIANTS)
    def arm(self, request: pytest.FixtureRequest) -> None:
        name, parameters = VARIANTS[request.param]
        self.make = lambda: SPECS[name].make(**parameters)
        if SPECS[name].predicts_ratings:
            self.world, self.checkerboard = lambda: rated(taste_groups()), lambda: rated(checkerboard())  # type: ignore[method-assign]
        if request.param.endswith("in fashion"):  # where what is liked changes with time
            self.world = fashions  # type: ignore[method-assign]
        if name in ("popularity", "popularity-recent"):
            self.personal, self.reasons = False, "none"
        elif name.startswith("text"):  # these name the likest of the items that lower it
            self.reasons = "any"
