"""Every estimator against the values of a known library on the same arrays, to 1e-6.

The arrays and values are data beside the repository: the folder that RECSAT_REFERENCE names, or ../shared/reference.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from recsat.offpolicy import (
    DM,
    DR,
    IIPS,
    IPS,
    MIPS,
    SIPS,
    SNDR,
    SNIPS,
    BanditLog,
    DRos,
    Embedding,
    Policy,
    Predictions,
    RewardInteractionIPS,
    SwitchDR,
    diagnose,
    epsilon_mix,
    slope,
)
from recsat.offpolicy.diagnosis import Answer
from recsat.offpolicy.estimators import Estimator
from recsat.offpolicy.log import weights_of

FOLDER = Path(os.environ.get("RECSAT_REFERENCE", Path(__file__).parents[2].parent / "shared" / "reference")) / "ope"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"{FOLDER} is not there: set RECSAT_REFERENCE to the folder above ope"
)
CLIPS = (1, 5, 10, 50, 100, 500, 1000, 5000, np.inf)
NOT_BUILT = (
    "sg-",  # sub-Gaussian weights
    "tuned (mse)",  # picked no clip anywhere, also where weights explode
    "lower bound",  # Hoeffding's and Bernstein's; t's is compared below
    "cascade-dr",
    "selection of dimensions",
    "logistic regression C=1",  # weights of an embedding by a classifier
)
CAMPAIGNS = [(c, b, t) for c in ("men", "women", "all") for b, t in (("random", "bts"), ("bts", "random"))]


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def estimator(words: str, q: Predictions, q_mrdr: Predictions | None) -> Estimator:
    """The estimator that a row of the reference names."""
    name, _, number = words.rpartition(" ")
    if words.startswith("mrdr"):
        assert q_mrdr is not None
        return DR(q_mrdr)
    plain: dict[str, Callable[[], Estimator]] = {
        "ipw": IPS,
        "snipw": SNIPS,
        "dm": lambda: DM(q),
        "dr": lambda: DR(q),
        "sndr": lambda: SNDR(q),
    }
    if words in plain:
        return plain[words]()
    by_number: dict[str, Callable[[float], Estimator]] = {
        "ipw clipped at": IPS,
        "dr clipped at": lambda x: DR(q, clip=x),
        "switch-dr": lambda x: SwitchDR(q, threshold=x),
        "dr-os": lambda x: DRos(q, shrinkage=x),
    }
    return by_number[name](float(number))


def candidates(words: str, q: Predictions) -> list[Estimator]:
    """Of a row that tunes by SLOPE, in the library's order."""
    of_clip: dict[str, Callable[[float], Estimator]] = {
        "ipw": IPS,
        "dr": lambda x: DR(q, clip=x),
        "switch-dr": lambda x: SwitchDR(q, threshold=x),
        "dr-os": lambda x: DRos(q, shrinkage=x),
    }
    return [of_clip[words.split()[0]](clip) for clip in CLIPS]


def built(words: str) -> bool:
    return not any(part in words for part in NOT_BUILT)


def close(value: float, reference: str) -> bool:
    return value == pytest.approx(float(reference), rel=1e-6)


def campaign(name: str, behaviour: str, target: str) -> tuple[BanditLog, Policy, Predictions, Predictions]:
    data = np.load(FOLDER / f"obd_{name}_{behaviour}_to_{target}.npz")
    log = BanditLog(
        reward=data["reward"],
        propensity=data["pscore"],
        action=data["action"],
        position=data["position"],
    )
    table = rows(f"obd_bts_action_dist_{name}.csv")
    bts = np.array([[float(row[f"position_{k}"]) for row in table] for k in (1, 2, 3)])
    probabilities = bts if target == "bts" else np.full(bts.shape, 1 / bts.shape[1])
    policy = Policy(probabilities=probabilities, rows=log.places)
    return (
        log,
        policy,
        Predictions(data["q_logged"], data["q_target"]),
        Predictions(data["q_logged_mrdr"], data["q_target_mrdr"]),
    )


@pytest.mark.parametrize(("name", "behaviour", "target"), CAMPAIGNS)
def test_open_bandit_values(name: str, behaviour: str, target: str) -> None:
    log, policy, q, q_mrdr = campaign(name, behaviour, target)
    table = [row for row in rows("obd_values.csv") if (row["campaign"], row["behaviour"]) == (name, behaviour)]
    compared = [row for row in table if built(row["estimator"])]
    differ = {
        row["estimator"]: (value, row["value"])
        for row in compared
        if not close(value := estimator(row["estimator"], q, q_mrdr).estimate(log, policy), row["value"])
    }
    assert len(compared) == 18
    assert not differ


@pytest.mark.parametrize(("name", "behaviour", "target"), CAMPAIGNS)
def test_open_bandit_diagnostics(name: str, behaviour: str, target: str) -> None:
    log, policy, _, _ = campaign(name, behaviour, target)
    (row,) = [row for row in rows("obd_diagnostics.csv") if (row["campaign"], row["behaviour"]) == (name, behaviour)]
    diagnosis = diagnose(log, policy)
    assert close(diagnosis.mean_weight, row["mean_weight"])
    assert close(diagnosis.max_weight, row["max_weight"])
    assert close(diagnosis.effective_rounds, row["ess"])
    assert close(diagnosis.effective_clicks, row["ess_clicks"])
    assert (diagnosis.n, diagnosis.n_clicks) == (int(row["n"]), int(row["clicks"]))


@pytest.mark.parametrize(
    ("name", "behaviour", "answer"),
    [
        ("women", "bts", "refused"),
        ("all", "bts", "refused"),
        ("men", "bts", "limited"),
        ("men", "random", "limited"),
        ("women", "random", "limited"),
        ("all", "random", "limited"),
    ],
)
def test_what_the_open_bandit_logs_can_answer(name: str, behaviour: str, answer: Answer) -> None:
    log, policy, _, _ = campaign(name, behaviour, "random" if behaviour == "bts" else "bts")
    assert diagnose(log, policy).answer == answer


@pytest.mark.parametrize("data", ["binary", "positions"])
def test_synthetic_values(data: str) -> None:
    arrays = np.load(FOLDER / f"{data}.npz")
    log = BanditLog(
        reward=arrays["reward"],
        propensity=arrays["pscore"],
        action=arrays["action"],
        position=arrays.get("position"),
    )
    n, A = arrays["action_dist"].shape[:2]
    here = (np.arange(n), slice(None), log.places)
    flat = {
        name: arrays[name].reshape(n, A, -1)[here]
        for name in ("action_dist", "q_hat", "q_hat_mrdr", "expected_reward")
        if name in arrays
    }
    policy = Policy(probabilities=flat["action_dist"], rows=np.arange(n))
    q = {
        name: Predictions(flat[name][np.arange(n), log.action], policy.expected(flat[name]))
        for name in flat
        if "q_hat" in name
    }
    table = [row for row in rows("synthetic_values.csv") if row["data"] == data and row["value"]]
    n_compared = 0
    for row in table:
        words, value, note = row["estimator"], row["value"], row["tuned_lambda_or_note"]
        if words.startswith(("truth", "diagnostic share", "mrdr with weights")) or not built(words):
            continue
        n_compared += 1
        if words.startswith("diagnostic"):
            diagnosis = diagnose(log, policy)
            figures = {
                "mean_weight": diagnosis.mean_weight,
                "max_weight": diagnosis.max_weight,
                "ess": diagnosis.effective_rounds,
                "zero_weight": float((weights_of(log, policy) == 0).mean()),
            }
            assert close(figures[words.split()[1]], value), words
        elif "slope" in words:
            candidate = slope(candidates(words, q["q_hat"]), log, policy)
            assert candidate == candidates(words, q["q_hat"])[CLIPS.index(float(note))], words
            assert close(candidate.estimate(log, policy), value), words
        else:
            one = estimator(words, q["q_hat"], q.get("q_hat_mrdr"))
            assert close(one.estimate(log, policy), value), words
            spread = one.contributions(log, policy).std(ddof=1) / np.sqrt(n)
            if row["standard_error"] and not one.self_normalised:
                # The library's error of a ratio takes the mean weight for a constant.
                assert close(float(spread), row["standard_error"]), words
    assert n_compared == {"binary": 29, "positions": 27}[data]


@pytest.mark.parametrize("data", ["binary", "positions"])
def test_the_one_sided_bound_that_slope_uses(data: str) -> None:
    arrays = np.load(FOLDER / f"{data}.npz")
    n = len(arrays["reward"])
    place = arrays["position"] if "position" in arrays else np.zeros(n, dtype=int)
    target = arrays["action_dist"].reshape(n, arrays["action_dist"].shape[1], -1)[np.arange(n), arrays["action"], place]
    log = BanditLog(reward=arrays["reward"], propensity=arrays["pscore"])
    terms = IPS().contributions(log, target)
    low = terms.mean() - stats.t.ppf(0.95, n - 1) * terms.std(ddof=1) / np.sqrt(n)
    (row,) = [row for row in rows("synthetic_values.csv") if row["data"] == data and "student-t" in row["estimator"]]
    assert close(float(low), row["value"])


def test_embedding_values() -> None:
    arrays = np.load(FOLDER / "embeddings.npz")
    n, A = arrays["pi_b"].shape
    log = BanditLog(reward=arrays["reward"], propensity=arrays["pscore"], action=arrays["action"])
    best = np.zeros((n, A))
    best[np.arange(n), arrays["best_action"]] = 1
    target = Policy(probabilities=epsilon_mix(best, float(arrays["epsilon"])), rows=np.arange(n))
    logging = Policy(probabilities=arrays["pi_b"], rows=np.arange(n))
    embedding = Embedding(arrays["p_e_a"], arrays["action_embed"])
    plain, normalised = MIPS(logging, embedding), MIPS(logging, embedding, self_normalised=True)
    values = {row["estimator"]: row["value"] for row in rows("synthetic_values.csv") if row["data"] == "embeddings"}
    assert close(plain.estimate(log, target), values["mips with the true p(e|a)"])
    assert close(normalised.estimate(log, target), values["snmips with the true p(e|a)"])
    assert close(float(plain.weights(log, target).max()), values["mips max weight"])
    assert close(IPS().estimate(log, target), values["ipw"])
    assert close(SNIPS().estimate(log, target), values["snipw"])


def test_page_values() -> None:
    arrays = np.load(FOLDER / "slate.npz")
    page, position = arrays["slate_id"], arrays["position"]
    marginal = "_item_position"
    log = {
        "place": BanditLog(
            reward=arrays["reward"], propensity=arrays["pscore" + marginal], position=position, page=page
        ),
        "given": BanditLog(
            reward=arrays["reward"],
            propensity=given_above(arrays["pscore_cascade"], position),
            position=position,
            page=page,
        ),
    }
    target = {
        "place": arrays["evaluation_policy_pscore" + marginal],
        "given": given_above(arrays["evaluation_policy_pscore_cascade"], position),
    }
    values = {row["estimator"]: row["value"] for row in rows("synthetic_values.csv") if row["data"] == "slate"}
    for name, kind, which in (
        ("iips", IIPS, "place"),
        ("rips", RewardInteractionIPS, "given"),
        ("sips", SIPS, "given"),
    ):
        for prefix, normalised in (("", False), ("sn", True)):
            value = kind(self_normalised=normalised).estimate(log[which], target[which])
            assert close(value, values[prefix + name]), prefix + name


def given_above(cascade: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Probability of what stands at a place given what stands above, from that of the first places together."""
    return np.where(position == 0, cascade, cascade / np.where(position == 0, 1, np.roll(cascade, 1)))
