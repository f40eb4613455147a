"""A log beside the data of the run, in words and on the page."""

from __future__ import annotations

from recsat.report.language import in_language
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.report.policy_log import policy_log_in_words
from recsat.result.model import CounterfactualValue, Estimate, PolicyLog, Result

VALUE = CounterfactualValue(
    arm="random",
    answer="answers",
    value=Estimate(value=0.04, low=0.03, high=0.05),
    against_logging=Estimate(value=-0.02, low=-0.03, high=-0.01),
    effective_rounds=656.2,
    effective_clicks=151.0,
    mean_weight=1.0,
)
LOG = PolicyLog(
    name="front <b>",
    logged_by="bts",
    n=10_000,
    n_clicks=69,
    n_users=300,
    logging=Estimate(value=0.06, low=0.05, high=0.07),
    judged=VALUE,
    earned=Estimate(value=0.045, low=0.04, high=0.05),
)
REFUSED = VALUE.model_copy(
    update={
        "answer": "refused",
        "value": None,
        "against_logging": None,
        "causes": ["no overlap"],
        "effective_rounds": 2.1,
    }
)


def test_the_estimate_stands_beside_what_was_earned() -> None:
    assert policy_log_in_words(LOG) == (
        "By the log of bts, random would have earned 0.0400 (0.0300–0.0500) clicks per exposure where bts earned 0.0600. "
        "Shown itself, random earned 0.0450 (0.0400–0.0500)."
    )
    gap = LOG.model_copy(update={"against_earned": Estimate(value=-0.005, low=-0.016, high=0.006)})
    assert policy_log_in_words(gap).endswith("The log's figure differs from it by −0.00500 (−0.0160 to +0.00600).")


def test_what_was_brought_in_is_said_with_its_unit() -> None:
    value = LOG.model_copy(update={"reward": "value", "unit": "EUR"})
    assert policy_log_in_words(value) == (
        "By the log of bts, random would have brought in 0.0400 (0.0300–0.0500) EUR per exposure where bts brought in 0.0600. "
        "Shown itself, random brought in 0.0450 (0.0400–0.0500)."
    )
    refused = value.model_copy(update={"judged": REFUSED.model_copy(update={"causes": ["no clicks"]}), "earned": None})
    assert policy_log_in_words(refused).startswith("The log of bts cannot say what random would have brought in.")
    assert "brought something in" in policy_log_in_words(refused)
    with in_language("zh"):
        assert "EUR" in policy_log_in_words(value)


def test_assumed_propensities_are_said_with_their_model() -> None:
    assumed = LOG.model_copy(update={"propensity_model": "share of the item"})
    assert policy_log_in_words(assumed) == (
        f"{policy_log_in_words(LOG)} Evidence: assumed. Propensities were not logged: share of the item."
    )


def test_a_log_that_cannot_answer_gives_its_reason_and_no_number() -> None:
    refused = LOG.model_copy(update={"judged": REFUSED, "earned": None})
    assert policy_log_in_words(refused) == (
        "The log of bts cannot say what random would have earned. "
        "The log shows other things than the policy would: it says as much as 2 of its 10,000 exposures, fewer than 1 %."
    )
    with in_language("zh"):
        assert policy_log_in_words(refused).startswith("bts 的日志无法说明 random 会得到什么。")


def test_page_and_markdown_have_it_escaped_and_are_silent_without_one(result: Result) -> None:
    value = LOG.model_copy(update={"reward": "value", "unit": "<EUR>"})
    assert "Value per exposure (&lt;EUR&gt;)" in render_page(result.model_copy(update={"policy_logs": [LOG, value]}))
    with_log = result.model_copy(update={"policy_logs": [LOG]})
    page = render_page(with_log)
    assert "<bdi>front &lt;b&gt;</bdi>" in page
    assert "656 of 10,000" in page
    assert "front &lt;b&gt;.** By the log of bts" in render_markdown(with_log)
    assert 'id="logs"' not in render_page(result)
    assert "656 / 10,000" in render_page(with_log, "zh")
