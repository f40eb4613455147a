"""What the filters leave to a block of users, as a mask and in scores."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from recsat.lists.filters import FilterPlan
from recsat.lists.permitted import Permitted


@given(st.integers(0, 1000), st.booleans(), st.booleans())
def test_what_is_permitted_on_a_device_is_what_the_plan_permits(seed: int, some_allowed: bool, all_items: bool) -> None:
    rng = np.random.default_rng(seed)
    excluded, allowed = (csr_array(rng.random((6, 9)) < share) for share in (0.3, 0.6))
    items = (rng.random(9) < 0.8) | all_items
    plan = FilterPlan(items, excluded, allowed if some_allowed else None, [], False, {}, 54)
    for rows in (slice(0, 6), slice(2, 5), slice(3, 3)):
        mask = plan.mask(rows)
        permitted = Permitted.of(plan, rows, torch.device("cpu"))
        assert permitted.shape == mask.shape
        np.testing.assert_array_equal(permitted.mask.numpy(), mask)
        scores = torch.from_numpy(rng.standard_normal(mask.shape))
        left = np.where(mask, scores.numpy(), -np.inf)
        np.testing.assert_array_equal(permitted.leave_in(scores).numpy(), left)
        some = np.arange(0, len(mask), 2)
        np.testing.assert_array_equal(permitted.take(some).mask.numpy(), mask[some])
        everything = torch.zeros(len(some), 9)
        np.testing.assert_array_equal(np.isfinite(permitted.take(some).leave_in(everything).numpy()), mask[some])
