"""Nobody meets themselves, whatever a run's filters are: the plan that a run works by forbids it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsat import FilterContext
from recsat.contract.interactions import Catalogue
from recsat.lists.filters import plan_filters
from recsat.plugins import load_plugins
from recsat_social.config import SocialConfig
from recsat_social.domain import SOCIAL, load


@pytest.mark.parametrize("filter_names", [[], ["seen"], ["social.same_network", "social.not_yet_friends"]])
def test_no_run_can_show_people_to_themselves_to_blocks_or_against_their_will(filter_names: list[str]) -> None:
    config = SocialConfig(sample_users=60, sample_posts=30)
    data = load(config)
    catalogue = Catalogue(data.items)
    users = data.users["user_id"].to_list()
    rules = load_plugins(["social"]).filters_of_run(SOCIAL, filter_names)
    context = FilterContext(known=data, config=config, now=datetime(2024, 3, 1, tzinfo=UTC))
    permitted = plan_filters(rules, catalogue, users, context).mask(slice(0, len(users)))

    places = catalogue.positions([f"user:{user}" for user in users])
    assert not permitted[np.arange(len(users)), places].any()
    assert permitted.any()
    out = data.items["opted_out"].fill_null(value=False).to_numpy()
    assert out.any()
    assert not permitted[:, out].any()
    blocks = data.users.select("user_id", "blocked").explode("blocked").drop_nulls()
    assert blocks.height > 20
    place = {user: row for row, user in enumerate(users)}
    for one, other in pl.concat([blocks, blocks.select(user_id="blocked", blocked="user_id")]).iter_rows():
        assert not permitted[place[one], places[place[other]]], f"{one} would be shown {other}"
