"""What the log says of the arms, in every form of the report: a number, a number within limits, or why there is none."""

from __future__ import annotations

from recsat.report.counterfactual import causes_in_words, counterfactual_in_words, target_in_words
from recsat.report.language import in_language
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.result.model import Counterfactual, CounterfactualValue, Estimate, Result, TargetPolicy


def value(arm: str, answer: str, *causes: str, clicks: float = 40.0) -> CounterfactualValue:
    refused = answer == "refused"
    return CounterfactualValue.model_validate(
        {
            "arm": arm,
            "answer": answer,
            "causes": causes,
            "value": None if refused else {"value": 0.052, "low": 0.041, "high": 0.063},
            "against_logging": None if refused else {"value": 0.0071, "low": -0.002, "high": 0.0162},
            "effective_rounds": 300.0,
            "effective_clicks": clicks,
            "mean_weight": 0.844,
        }
    )


def log(*arms: CounterfactualValue, model: str = "") -> Counterfactual:
    return Counterfactual(
        split="timeline",
        policies=["front <page>"],
        evidence="assumed" if model else "logged",
        propensity_model=model,
        n=5000,
        n_clicks=225,
        n_users=80,
        n_users_shown=90,
        logging=Estimate(value=0.0449, low=0.04, high=0.05),
        arms=list(arms),
    )


def test_the_arm_that_leads_is_spoken_of(result: Result) -> None:
    splits = [split.model_copy(update={"leader": "ease"}) for split in result.splits]
    led = result.model_copy(update={"splits": splits})
    one = log(value("popularity", "refused", "no clicks"), value("ease", "answers"))
    assert counterfactual_in_words(led, one) == (
        "By the log, ease would have earned 0.0520 clicks per exposure (0.0410–0.0630) where 0.0449 were earned: "
        "a difference of +0.0071 (−0.0020 to +0.0162)."
    )


def test_why_there_is_no_number(result: Result) -> None:
    one = log(value("ease", "refused", "mean weight", "no clicks", clicks=2.0))
    assert counterfactual_in_words(result, one) == (
        "The log cannot say what ease would have earned. Weights have a mean of 0.844, more than 3 standard errors from 1: "
        "propensities are not right, or the log could not show what the policy would. The estimate would rest on 2.0 effective clicks."
    )


def test_limits_and_assumed_propensities_are_said(result: Result) -> None:
    one = log(value("ease", "limited", "poor overlap"), model="share of the item in the log")
    sentence = counterfactual_in_words(result, one)
    assert "Overlap is poor: the log says as much as 300 of its 5,000 exposures." in sentence
    assert sentence.endswith("Evidence: assumed. Propensities were not logged: share of the item in the log.")
    assert causes_in_words(one, value("ease", "answers")) == ""


def test_another_target_is_said_and_the_list_itself_is_not_repeated(result: Result) -> None:
    one = log(value("ease", "answers"))
    assert "list" not in counterfactual_in_words(result, one)
    mixed = one.model_copy(update={"target": TargetPolicy(policy="softmax", temperature=3.0, epsilon=0.1)})
    assert counterfactual_in_words(result, mixed).endswith(
        "Each place shows one of the arm’s list, the item at place r with a probability in proportion to exp(−r / 3). "
        "With probability 0.1 it shows any item of the catalogue instead, each as likely."
    )
    always = one.model_copy(update={"target": TargetPolicy(policy="deterministic")})
    page = render_page(result.model_copy(update={"counterfactuals": [always]}))
    assert "few exposures say anything of it, and each weighs much" in page
    with in_language("zh"):
        assert "总是展示" in target_in_words(always.target)


def test_what_was_brought_in_has_words_of_its_own(result: Result) -> None:
    money = {"reward": "value", "unit": "money"}
    one = log(value("ease", "answers")).model_copy(update=money)
    assert counterfactual_in_words(result, one) == (
        "By the log, ease would have brought in 0.0520 money per exposure (0.0410–0.0630) where 0.0449 came in: "
        "a difference of +0.0071 (−0.0020 to +0.0162)."
    )
    refused = log(value("ease", "refused", "no clicks", clicks=2.0)).model_copy(update=money)
    assert counterfactual_in_words(result, refused) == (
        "The log cannot say what ease would have brought in. The estimate would rest on as much as 2.0 exposures that brought something in."
    )
    page = render_page(result.model_copy(update={"counterfactuals": [log(value("ease", "answers")), one]}))
    for words in (
        "Clicks per exposure",
        "Value per exposure (money)",
        "225 clicks",
        "of which 225 brought something in",
    ):
        assert words in page
    with in_language("zh"):
        assert "would" not in counterfactual_in_words(result, one) + counterfactual_in_words(result, refused)


def test_every_form_of_the_report_has_it_and_escapes_it(result: Result) -> None:
    one = log(value("ease", "answers"), value("text", "refused", "no overlap"), model="<b>guess</b>")
    with_log = result.model_copy(update={"counterfactuals": [one]})
    for text in (page := render_page(with_log), markdown := render_markdown(with_log)):
        assert "<b>guess</b>" not in text
        assert "&lt;b&gt;guess&lt;/b&gt;" in text
    assert 'id="counterfactual"' in page
    assert "front &lt;page&gt;" in page
    assert "it says as much as 300 of its 5,000 exposures, fewer than 1 %." in page
    assert "- **timeline.** By the log, ease would have earned" in markdown
    assert 'id="counterfactual"' not in render_page(result)
    assert "By the log" not in render_markdown(result)


def test_it_is_translated(result: Result) -> None:
    one = log(value("ease", "limited", "few clicks", clicks=12.0), model="guess")
    with in_language("zh"):
        sentence = counterfactual_in_words(result, one)
    assert "12.0 次有效点击" in sentence
    assert "would" not in sentence
    assert "日志对各方案的说明" in render_page(result.model_copy(update={"counterfactuals": [one]}), "zh")
