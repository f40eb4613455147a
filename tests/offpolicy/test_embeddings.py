from __future__ import annotations

import numpy as np
import pytest

from recsat.errors import DataError
from recsat.offpolicy import IPS, MIPS, SNIPS, BanditLog, Embedding, Policy, text_groups

LOGGING, TARGET = np.array([[0.4, 0.1, 0.3, 0.2]]), np.array([[0.0, 0.5, 0.25, 0.25]])
ACTION = np.array([0, 1, 2, 3, 0])
ROWS = np.zeros(5, dtype=int)
LOG = BanditLog(reward=np.array([1.0, 0.0, 1.0, 1.0, 0.0]), propensity=LOGGING[0][ACTION], action=ACTION)
VECTORS = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])


def policies() -> tuple[Policy, Policy]:
    return Policy(probabilities=LOGGING, rows=ROWS), Policy(probabilities=TARGET, rows=ROWS)


def test_two_groups_of_like_texts_by_hand() -> None:
    logging, target = policies()
    estimator = MIPS(logging, text_groups(VECTORS, ACTION, 2))
    # Groups {0, 1} and {2, 3}: both policies show each with one half.
    assert estimator.weights(LOG, target) == pytest.approx(np.ones(5))
    assert estimator.estimate(LOG, target) == pytest.approx(0.6)


def test_a_group_for_each_item_is_ips() -> None:
    logging, target = policies()
    embedding = text_groups(VECTORS, ACTION, 4)
    assert MIPS(logging, embedding).estimate(LOG, target) == pytest.approx(IPS().estimate(LOG, target), abs=1e-12)
    normalised = MIPS(logging, embedding, self_normalised=True).interval(LOG, target)
    assert normalised == SNIPS().interval(LOG, target)


def test_dimensions_multiply() -> None:
    logging, target = policies()
    coins = np.zeros((4, 2, 2))
    coins[:, 1, 0], coins[:, 1, 1] = [0.5, 0.1, 0.1, 0.9], [1.0, 0.0, 1.0, 0.0]
    coins[:, 0] = 1 - coins[:, 1]
    embedding = Embedding(coins, np.array([[1, 1], [0, 1], [1, 0], [0, 0], [1, 1]]))
    first, not_first = 0.3 / 0.42, 0.7 / 0.58
    assert MIPS(logging, embedding).weights(LOG, target)[:3] == pytest.approx(
        [first * 0.25 / 0.7, not_first * 0.25 / 0.7, first * 0.75 / 0.3], abs=1e-12
    )


def test_over_all_actions_and_embeddings_the_mean_is_the_value_where_the_embedding_says_all() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(3), size=4)[:, :, None]
    reward = np.array([0.1, 0.5, 0.9])
    total = 0.0
    for a in range(4):
        for e in range(3):
            log = BanditLog(reward=reward[[e]], propensity=LOGGING[0, [a]], action=np.array([a]))
            logging, target = (Policy(probabilities=x, rows=np.zeros(1, dtype=int)) for x in (LOGGING, TARGET))
            value = MIPS(logging, Embedding(p, np.array([[e]]))).estimate(log, target)
            total += LOGGING[0, a] * p[a, e, 0] * value
    assert total == pytest.approx(float(TARGET[0] @ p[:, :, 0] @ reward), abs=1e-12)


def test_what_does_not_fit_is_refused() -> None:
    logging, target = policies()
    embedding = text_groups(VECTORS, ACTION, 2)
    with pytest.raises(DataError, match="the target must be a Policy"):
        MIPS(logging, embedding).estimate(LOG, np.ones(5))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="5 groups of 4 items"):
        text_groups(VECTORS, ACTION, 5)
    with pytest.raises(DataError, match="must sum to 1"):
        Embedding(embedding.probabilities * 0.9, embedding.values)
    with pytest.raises(DataError, match="2 rounds; the log has 5"):
        MIPS(logging, Embedding(embedding.probabilities, embedding.values[:2])).estimate(LOG, target)
