"""The one result object: everything that the page, the Markdown and the JSON say comes from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, model_validator

from recsat.config.settings import Control
from recsat.contract.domain import Dimension, Reads

SCHEMA_VERSION = 1


class Part(BaseModel):
    """Base of every part of a result."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def without(part: object, name: str) -> object:
    """What is read, less a field that it no longer has."""
    return {key: value for key, value in part.items() if key != name} if isinstance(part, Mapping) else part


class Measure(Part):
    """Mean over users with an interval: exact where values are 0 or 1, or all at one bound, else by the bootstrap.

    The mean is null where no user has a value; the ends are null where nothing can be said of the mean: fewer than two users, or
    values without any spread.
    """

    mean: float | None
    low: float | None
    high: float | None
    n_users: int = Field(ge=0)
    effective_users: float | None = Field(None, ge=0)
    """How many users carry the mean of a measure without bounds, as money is; None for the others."""


class Difference(Part):
    """Arm minus baseline over the users that both have, with a paired interval and a p-value adjusted for the false discovery rate: exploratory."""

    mean: float | None
    low: float | None
    high: float | None
    p_adjusted: float | None = Field(ge=0, le=1)
    significant: bool
    """Whether the adjusted p-value reaches the level and the interval leaves out zero."""
    n_users: int = Field(ge=0)
    mean_arm: float | None = None
    """The arm's mean over the users compared: another number than its own mean where a measure has a value for some users alone."""
    mean_baseline: float | None = None
    """The baseline's mean over the same users."""
    effective_users: float | None = Field(None, ge=0)
    """How many users carry the difference; None for measures of all lists together."""
    detectable: float | None = Field(None, ge=0)
    """Smallest difference that these users could have shown in four of five runs, before any correction."""


class ArmResult(Part):
    """One arm on one split (and one slice of its users or items)."""

    name: str
    split: str
    slice: str = "all"
    parameters: dict[str, JsonValue] = {}
    validation_ndcg: float | None = Field(None, ge=0, le=1)
    """nDCG@k on the validation part with these parameters, by which arms are chosen; None in results that do not say."""
    measures: dict[str, Measure]
    differences: dict[str, Difference] = {}
    """Against the baseline; empty for the baseline itself."""


class ArmInfo(Part):
    """What an arm is, from its :class:`~recsat.RecommenderSpec`. The page asks what of a gain is the language model's."""

    name: str
    description: str = ""
    reads: Reads
    control: Control | None = None
    """Set where it is another arm with this control in place of the language model."""


class Share(Part):
    """A part of a gain: mean of paired differences over users, with its interval; no ends where nothing can be said."""

    mean: float
    low: float | None
    high: float | None
    n_users: int = Field(ge=2)


class Attribution(Part):
    """Whose the gain is on a split: ``gain`` of the model's arm over reading nothing is ``words_share`` + ``model_share``.

    The arms are those that lead on the validation part: ``model`` among those that read with the language model, ``without_model``
    among those that read words alone or nothing, ``nothing`` among those that read nothing. ``lack`` says why there are no shares.

    Which arm leads without the model is chosen among several by the validation part, and chance may choose a weak one; so the model's arm must also
    be ahead of ``twin``, itself with words in the place of the model, before the model is said to help.
    """

    split: str
    measure: str
    model: str | None
    without_model: str | None
    nothing: str | None
    gain: Share | None = None
    words_share: Share | None = None
    model_share: Share | None = None
    twin: str | None = None
    over_twin: Share | None = None
    """``model`` against ``twin``."""
    more_hits: Share | None = None
    """``model`` against ``without_model`` in the share of lists with a hit; None in results that do not say."""
    answer: Literal["helps", "costs", "not shown"] | None = None
    """Helps: the verdict on accuracy, which is about ``model`` and ``without_model`` as well, is "better", and ``over_twin`` lies above 0 with its whole
    interval. Costs: that verdict is "worse", though ``model`` leads on validation."""
    lack: str = ""


class MeasureInfo(Part):
    """What a measure is, for headings, tooltips and the direction of better."""

    name: str
    label: str
    description: str
    dimension: Dimension
    unit: str = ""
    better: Literal["higher", "lower", "neither"]
    primary: bool = False
    """Whether its outcome is that of its dimension."""
    estimand: str = ""
    """Over which users the mean is taken, and conditional on what, in a sentence."""
    propensities: Literal["logged", "assumed"] | None = None
    """Of a measure that divides by propensities of what was shown: assumed where ``measure.propensity_model`` estimates them. None for others."""
    propensity_model: str = ""

    @model_validator(mode="after")
    def _assumes_what_is_modelled(self) -> Self:
        if (self.propensities == "assumed") != bool(self.propensity_model):
            raise ValueError("propensities: they are assumed where a propensity_model is named, and there alone")
        return self


class NotMeasured(Part):
    """A measure that the data cannot give, and why."""

    name: str
    reason: str


class FilterCount(Part):
    """How many candidates a filter removed, over all users of a split."""

    name: str
    split: str
    n_removed: int = Field(ge=0)
    n_candidates: int = Field(ge=0)


class RetrievalResult(Part):
    """Where an arm's lists on a split came from."""

    arm: str
    split: str
    source: str
    """``qdrant:<vector>`` where candidates were retrieved, ``catalogue`` where every item was scored."""
    candidate_recall: float | None = Field(ge=0, le=1)
    """Share of the arm's exact list that the retrieved candidates contain; None where every item was scored."""
    n_candidates: float = Field(ge=0)
    n_places: int = Field(0, ge=0)
    """List places over all users."""
    n_filled: int = Field(0, ge=0)
    """Of these, places that the fallback arm filled: users without history, and lists that ended short."""


class CurvePoint(Part):
    """What one trade-off of a reranker makes of an arm's lists: means over the users with a history."""

    arm: str
    split: str
    part: Literal["validation", "test"]
    """Trade-offs are tried and chosen on the validation part; the test part has what was chosen, beside the plain order."""
    reranker: str
    parameter: float = Field(ge=0, le=1)
    """The trade-off: 0 is the arm's own order."""
    ndcg: float = Field(ge=0, le=1)
    ild: float = Field(ge=0, le=2)
    chosen: bool
    """The most diverse point that keeps 99 % of the plain order's nDCG on the validation part."""
    n_users: int = Field(ge=0)


class LearningPoint(Part):
    """An arm that learnt from a part of the users, judged on all users with a history; see :mod:`recsat.stages.trial.learning`."""

    arm: str
    split: str
    n_likes: int = Field(ge=0)
    share: float = Field(gt=0, le=1)
    """Of all likes that could be learnt from, that were to be reached with whole histories."""
    ndcg: float = Field(ge=0, le=1)
    low: float | None
    high: float | None
    n_users: int = Field(ge=1)
    """Who were judged."""


class Estimate(Part):
    """A number with its interval; no ends where nothing can be said."""

    value: float
    low: float | None
    high: float | None


class RatingError(Part):
    """How far predicted ratings are from all that a split holds out, listed or not; intervals are over users.

    Beside the arms there are ``global mean`` and ``user and item biases``, which know of no taste.
    """

    predictor: str
    """An arm, or one of the two controls."""
    split: str
    is_control: bool
    parameters: dict[str, JsonValue] = {}
    """Those with the smallest RMSE on the validation part; an arm's lists may have others, chosen by nDCG."""
    held_out: str
    """Which ratings were held out, in words."""
    n: int = Field(ge=1)
    """Ratings that were predicted."""
    n_users: int = Field(ge=1)
    unrated_items: float = Field(ge=0, le=1)
    """Share of them on items that nobody had rated before."""
    new_users: float = Field(ge=0, le=1)
    """Share of them by users who had rated nothing before."""
    rmse: Estimate
    mae: Estimate
    against_biases: Estimate | None = None
    """RMSE minus that of ``user and item biases``; below 0 is better. None for the controls."""


class TargetPolicy(Part):
    """How the lists of an arm are shown in the policy that the log judges: ``measure.target``."""

    policy: Literal["list", "softmax", "deterministic"] = "list"
    """list: each place shows one of the list's items, each as likely; softmax: place r in proportion to exp(-r / ``temperature``); deterministic: place r shows the item at place r."""
    temperature: float | None = Field(None, gt=0)
    epsilon: float = Field(0.0, ge=0, le=1)
    """With this probability any item of the kind is shown instead."""


class CounterfactualValue(Part):
    """What an arm would have earned in the place of the logging policy, had its lists been shown as the :class:`TargetPolicy` says."""

    arm: str
    answer: Literal["answers", "limited", "refused"]
    """Whether the log can say it."""
    causes: list[Literal["no overlap", "mean weight", "no clicks", "poor overlap", "few clicks"]] = []
    """Why not, or why within limits only."""
    reasons: list[str] = []
    """The same, a sentence each."""
    value: Estimate | None = None
    """Clicks, or what came in, for each place; None where the log is refused."""
    against_logging: Estimate | None = None
    """That minus what the logging policy earned on the same users."""
    effective_rounds: float = Field(ge=0)
    """How many places of the arm's own would say as much."""
    effective_clicks: float = Field(ge=0)
    """How many clicks, or exposures that brought something in, the estimate rests on."""
    mean_weight: float = Field(ge=0)


class PolicyLog(Part):
    """What a policy would have earned in the place of another, by a log that lies beside the data of the run (:mod:`recsat.offpolicy`)."""

    name: str
    logged_by: str
    reward: Literal["click", "value"] = "click"
    """What an exposure earns: its click, or what it brought in."""
    unit: str = ""
    """Of what it brought in, such as money; empty for clicks."""
    propensity_model: str = ""
    """Empty where propensities were logged; what the log says is assumed where they are a model's."""
    n: int = Field(ge=1)
    """Exposures of the log."""
    n_clicks: int = Field(ge=0)
    """Exposures that were clicked, or that brought something in."""
    n_users: int = Field(ge=1)
    logging: Estimate
    """What the policy of the log earned for each exposure."""
    judged: CounterfactualValue
    earned: Estimate | None = None
    """What the judged policy did earn for each exposure where it was shown itself; None where it was not."""
    against_earned: Estimate | None = None
    """The value that the log says minus what it did earn; None where either is not known, and in results that do not say."""


class CounterfactualPair(Part):
    """The verdict's pair of arms, by the log."""

    arm: str
    other: str
    answer: Literal["answers", "limited", "refused"]
    """The worse of the two arms'."""
    difference: Estimate | None = None
    """What ``arm`` earns for each place minus what ``other`` does, on the same users; None where the log is refused for one of them."""


class Counterfactual(Part):
    """What the log of what was shown after a split's cut says of the arms: SNIPS, intervals over users (:mod:`recsat.offpolicy`)."""

    split: str
    reward: Literal["click", "value"] = "click"
    """What an exposure earns: its click, or what it brought in."""
    unit: str = ""
    """Of what it brought in, such as money; empty for clicks."""
    target: TargetPolicy = TargetPolicy()
    policies: list[str]
    """Who logged."""
    evidence: Literal["logged", "assumed"]
    """Assumed where ``propensity_model`` estimates the propensities."""
    propensity_model: str = ""
    n: int = Field(ge=1)
    """Places shown."""
    n_clicks: int = Field(ge=0)
    """Exposures that were clicked, or that brought something in."""
    n_users: int = Field(ge=1)
    n_users_shown: int = Field(ge=1)
    """All to whom something was shown; ``n_users`` of them, drawn at random, are judged."""
    logging: Estimate
    """What each place earned, as it was."""
    arms: list[CounterfactualValue]
    pair: CounterfactualPair | None = None
    """The leading arm with a language model against the leading one without; None where there is no pair."""

    @model_validator(mode="after")
    def _assumes_what_is_modelled(self) -> Self:
        if (self.evidence == "assumed") != bool(self.propensity_model):
            raise ValueError("evidence: it is assumed where a propensity_model is named, and there alone")
        return self


class ExperimentEffect(Part):
    """A treatment against the control on one metric, over users."""

    metric: str
    dimension: Dimension
    treatment: str
    role: Literal["primary", "guardrail", "secondary"]
    better: Literal["higher", "lower"]
    mean_control: float
    mean_treatment: float
    difference: Estimate
    relative: Estimate | None = None
    """By the size of the control's mean; no ends where that mean is not told from 0. None where it is 0."""
    p: float | None = Field(None, ge=0, le=1)
    p_adjusted: float | None = Field(None, ge=0, le=1)
    """Holm-adjusted over the primary metrics of all treatments; None for other metrics."""
    outcome: Literal["better", "worse", "not shown", "holds", "fails"]
    """A guardrail holds where it is shown not to be worse by ``margin``, and fails where it is shown to be."""
    detectable: float | None = Field(None, ge=0)
    """Smallest difference that so many users of this spread would have shown four times in five, beside the other primary metrics; None in results that do not say."""
    margin: float | None = Field(None, ge=0)
    """Of a guardrail: share of the control's mean."""
    variance_ratio: float | None = Field(None, ge=0)
    """With CUPED: which share of the variance is left."""
    effective_users: float = Field(ge=0)
    """How many users carry the mean of the group that fewer carry."""
    every_day: Estimate | None = None
    """The difference with an interval that may be looked at every day; no ends before there are enough users for it."""


class ExperimentImbalance(Part):
    """What was before, compared: no treatment can have made it differ."""

    metric: str
    treatment: str
    difference: Estimate
    p: float | None = Field(None, ge=0, le=1)
    differs: bool
    """Whether p is below .001."""


class Experiment(Part):
    """What policies did to users who were assigned to them at random (:mod:`recsat.experiment`)."""

    source: str
    simulated: bool
    split: str | None = None
    """Whose lists a simulator's users were shown (``measure.experiment.simulated_split``); None for a log."""
    control: str
    n_users: dict[str, int]
    """By policy, the control first."""
    shares: dict[str, float]
    """Which share of the users each was to have; they sum to 1."""
    n_several: int = Field(0, ge=0)
    """Users to whom several policies were shown; they are left out."""
    n_unfinished: int = Field(0, ge=0)
    """Users whose ``days`` are not over; they are left out."""
    days: int | None = None
    sample_ratio_p: float = Field(ge=0, le=1)
    stop: Literal["mismatch", "few users"] | None = None
    """Why no effect is shown: sizes of groups that chance does not make, or a group of fewer than 30 users."""
    imbalances: list[ExperimentImbalance] = []
    effects: list[ExperimentEffect] = []


Evidence = Literal["replay", "log", "experiment"]
NoEvidence = Literal[
    "not measured",
    "nothing held out",
    "single places",
    "clicks alone",
    "no log",
    "log refused",
    "no experiment",
    "stopped",
    "other policies",
    "no metric",
]


class CausalCell(Part):
    """What one kind of evidence says of the effect on one dimension, or why it says nothing."""

    evidence: Evidence
    """replay: held-out events, which came about under whatever was shown then. log: weighted by known or assumed propensities. experiment: users assigned at random."""
    measure: str = ""
    """What the estimate is of: a measure's label, a metric's name, or clicks per exposure."""
    estimate: Estimate | None = None
    assumed: bool = False
    """log, and replay of a measure that divides by propensities: these are a model's."""
    limited: bool = False
    """log: within limits alone."""
    simulated: bool = False
    lack: NoEvidence | None = None


class CausalRow(Part):
    dimension: Dimension
    cells: list[CausalCell]
    """Replay, log and experiment."""


class CausalTable(Part):
    """The effect of the leading arm with a language model against the leading one without, by every kind of evidence that the run has."""

    split: str
    arm: str
    other: str
    rows: list[CausalRow]


class ReliabilityBin(Part):
    """Predictions of like size, and what came of them."""

    n: int = Field(ge=1)
    predicted: float = Field(ge=0, le=1)
    observed: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    """End of the exact binomial interval of ``observed``, as if rows were independent."""
    high: float = Field(ge=0, le=1)


class Ends(Part):
    """The interval of a number that stands beside it."""

    low: float
    high: float


class PredictionError(Part):
    """How far an outcome model is from what happened: to the candidates of an arm's users, or to everything that was shown.

    Of an arm's candidates, each half of the users of the validation part is judged by a model of the other half. On the test part it
    is the model that made the lists. That part often holds another share of the events, and an event within it is so much more or
    less likely: ``rate`` against ``predicted`` shows how much.

    Of what was shown, the model learns from exposures before the part and is judged on those within it; on the validation part,
    each half of the users by a model of the other half. Nothing is chosen by any of it.
    """

    arm: str | None
    """None for the model of what was shown, which no arm of the run chose."""
    split: str
    event: str
    part: Literal["validation", "test"]
    n: int = Field(ge=1)
    """Pairs of a user and a candidate, or exposures."""
    rate: float = Field(ge=0, le=1)
    """Share of them that the event happened to."""
    predicted: float = Field(ge=0, le=1)
    """Mean probability that the model gave them."""
    rmse: float = Field(ge=0, le=1)
    log_loss: float = Field(ge=0)
    log_loss_of_rate: float = Field(ge=0)
    """Log loss of saying ``rate`` of every pair: what a model that tells nothing apart would have."""
    brier: float = Field(ge=0, le=1)
    calibration_error: float = Field(ge=0, le=1)
    """Biased upwards: what is right has one above 0 too, by the chance of its bins. No interval of it is right, so it has none."""
    rmse_ends: Ends | None = None
    """Over users, as the two below; None where nothing can be said, and in results that do not say."""
    log_loss_ends: Ends | None = None
    brier_ends: Ends | None = None
    n_users: int | None = Field(None, ge=1)
    known_rate: float | None = Field(None, ge=0, le=1)
    """Share of what the model learnt from that the event happened to; None for candidates, as the fields below."""
    log_loss_of_known_rate: float | None = Field(None, ge=0)
    """Log loss of saying ``known_rate`` of every row: the control."""
    against_known_rate: Estimate | None = None
    """Log loss minus that of the control, with its interval over users; below 0 is better."""
    reliability: list[ReliabilityBin] = []


class SplitSummary(Part):
    """Sizes of a split; of one that is drawn several times those of its first draw."""

    name: str
    protocol: str
    description: str
    n_train: int
    n_validation: int
    n_test: int
    n_users: int
    n_candidate_items: int
    n_draws: int = Field(1, ge=1)
    """How often it was drawn: means and intervals are over these draws."""
    leader: str | None = None
    """The arm that leads on the validation part; None in results that do not say."""
    baseline: str | None = None
    """The arm that every other arm is compared with here; None in results that do not say: the result's."""


class FitnessFact(Part):
    """One thing that the tables say."""

    value: float | None
    """None where the tables do not have what it takes."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_result(cls, fact: object) -> object:
        """Which had a sentence as well: words are made where they are shown."""
        return without(fact, "sentence")


class DataFitness(Part):
    """What a split's data can and cannot answer."""

    split: str
    users_judged: FitnessFact
    """Users with a held-out like."""
    users_without_history: FitnessFact
    """Share of them who liked nothing before; arms that know no user cannot be told apart on them."""
    tied_times: FitnessFact
    """Share of the events whose moment the same user has more than once: their order is not known."""
    order: FitnessFact
    """p-value of the order of events: small where what follows what is no chance."""
    unseen_items: FitnessFact
    """Share of the held-out likes that are of items without any event in training."""
    ahead_of_time: FitnessFact
    """Share of the held-out likes that are dated before the item existed, as far as is known."""
    detectable: FitnessFact
    """Smallest mean difference of two arms that would be shown with a power of 80 %."""
    can_answer: bool
    meant_to_be_new: bool = False
    """Whether the split is about users without a history, as ``cold-users`` is."""
    n_draws: int = Field(1, ge=1)
    """How often the split is drawn; ``detectable`` is of the users of one draw alone."""
    worth_having: float | None = None
    """The difference of the primary measure of accuracy that is worth having; None where the configuration names none."""
    least_detectable: float | None = Field(None, ge=0)
    """``detectable`` where users differ as little as they were seen to, beside the other primary measures; None in results that do not say."""
    most_detectable: float | None = Field(None, ge=0)
    """Likewise where they differ as much."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_result(cls, fitness: object) -> object:
        """Which had the reason as a sentence."""
        return without(fitness, "reason")


class PlanRecord(Part):
    """What was to decide, written before an arm was fitted, and whether it was kept."""

    sha256: str
    written: str
    """Time, ISO 8601."""
    registered: bool
    """Whether ``measure.plan`` named it, so that it may be older than the run."""
    differences: list[str]
    """What was done otherwise, a line each; empty where it was kept."""


class StageCost(Part):
    """What a stage cost on this machine."""

    name: str
    seconds: float = Field(ge=0)
    peak_mib: float = Field(ge=0)
    n_new: int = Field(0, ge=0)
    n_cached: int = Field(0, ge=0)


Outcome = Literal["better", "worse", "as good as", "cannot tell", "not shown", "not measured"]


class Comparison(Part):
    """One arm against another on one measure, over the users who have both."""

    arm: str
    other: str
    measure: str
    mean: float
    mean_arm: float | None = None
    """The arm's mean over the users compared: another number than its own mean where a measure has a value for some users alone. None in results that do
    not say."""
    mean_other: float | None = None
    """The other arm's mean over the same users."""
    low: float | None
    high: float | None
    p_adjusted: float = Field(ge=0, le=1)
    n_users: int = Field(ge=2)
    detectable: float | None = Field(None, ge=0)
    """Smallest mean difference that this many users of this spread would have shown four times in five, beside the others of its family."""
    effective_users: float | None = Field(None, ge=0)
    """How many users carry the difference; None for measures of all lists together, and in results that do not say."""
    outcome: Outcome


class Verdict(Part):
    """The answer for one dimension."""

    dimension: Dimension
    split: str
    outcome: Outcome
    """That of the dimension's primary measure; ``as good as`` and ``cannot tell`` where ``measure.worth_having`` names it."""
    lack: str = Field("", validation_alias=AliasChoices("lack", "sentence"))
    """Why no two arms can be compared on the split; empty where there are two. Older results have sentences here."""
    primary: Comparison | None = None
    """The leading arm with a language model against the leading one without; None where that was not measured."""
    against_baseline: Comparison | None = None
    """The same arm and measure against the baseline, exploratory; None where it is one of the two."""
    others: list[Comparison] = []
    """The pair on the dimension's other measures, exploratory."""
    assumed: list[str] = []
    """Those of its measures that rest on assumed propensities."""
    lacks: list[NotMeasured] = []
    """Where nothing was compared, what the dimension's measures lack; empty where it has none, or where there is no pair."""


class SliceComparison(Part):
    """The verdict's pair within one slice of the users or items."""

    slice: str
    mean: float
    low: float | None
    high: float | None
    p_adjusted: float | None = Field(None, ge=0, le=1)
    """Adjusted for the false discovery rate over the slices; None in results that do not say."""
    detectable: float | None = Field(None, ge=0)
    """Smallest difference that these users could have shown in four of five runs, before any correction; None in results that do not say."""
    n_users: int = Field(ge=2)


class SliceContrast(Part):
    """Whether the pair's difference is another in one slice than in the other."""

    first: str
    second: str
    mean: float
    """Of the first minus that of the second."""
    low: float | None
    high: float | None
    p_adjusted: float = Field(ge=0, le=1)
    """Adjusted for the false discovery rate over the contrasts of the split."""
    detectable: float | None = Field(None, ge=0)
    """Smallest difference of the two that would have been shown four times in five, beside the other contrasts; None in results that do not say."""


class WithinSlices(Part):
    """The verdict's pair on the primary measure of accuracy, slice by slice: a gain of everybody may be a loss of some (Simpson)."""

    split: str
    measure: str
    arm: str
    other: str
    slices: list[SliceComparison]
    contrasts: list[SliceContrast]
    differ: bool
    """Whether any contrast is shown."""
    reversed: list[str]
    """Slices in which the difference is shown to have the other sign than over everybody: p-values Holm-adjusted over the slices, since it is an alarm."""


class ArmOfKind(Part):
    """An arm's lists of one kind of items alone."""

    arm: str
    ndcg: Measure
    difference: Difference | None = None
    """Against the baseline, exploratory: p-values adjusted for the false discovery rate over all arms and kinds of the split. None for the baseline."""


class KindAccuracy(Part):
    """How well lists of one kind of items alone find likes of that kind: see :mod:`recsat.measure.kinds`.

    Not what the slice ``kind …`` says, which is how well the one list of all kinds finds them.
    """

    split: str
    kind: str
    k: int = Field(ge=1)
    n_items: int = Field(ge=0)
    """Items of this kind that are ranked on the split, in its first draw."""
    n_users: int = Field(ge=0)
    """Users with a held-out like of this kind that the filters permit, in any draw."""
    arms: list[ArmOfKind] = []
    """Empty where there are fewer than :data:`~recsat.measure.slices.FEWEST_USERS` such users."""
    pair: Comparison | None = None
    """The verdict's pair of arms, exploratory: p-values adjusted for the false discovery rate over the kinds of the split. None where there is no pair, or are too few users."""


class RunComparison(Part):
    """An arm of a run against itself in an earlier run, on the users and held-out pairs that both judge; see :mod:`recsat.measure.across_runs`."""

    split: str
    arm: str
    measure: str
    better: Literal["higher", "lower"] = "higher"
    mean_before: float
    mean_now: float
    """Means over the users compared, on lists cut to what both runs could have listed: other numbers than either run's own."""
    mean: float
    """Of the paired differences, now minus before."""
    low: float | None
    high: float | None
    p_adjusted: float | None = Field(ge=0, le=1)
    """Holm-adjusted over all that is compared at once."""
    significant: bool
    """Whether the adjusted p-value reaches the level and the interval leaves out zero."""
    detectable: float | None = Field(None, ge=0)
    n_users: int = Field(ge=2)
    n_pairs: int = Field(ge=0)
    """Held-out pairs of a user and an item that both runs judge, over all draws."""


class Alert(Part):
    """A rule of ``alerts`` on one split, held against the run before this one."""

    arm: str
    measure: str
    split: str
    worse_by: float = Field(ge=0, lt=1)
    previous: str | None
    """The run before this one of the same domain and series; None where there is none."""
    comparison: RunComparison | None = None
    lack: str = ""
    """Why there is no comparison."""
    raised: bool
    """Whether the arm is worse beyond chance, and by at least ``worse_by`` of its mean before."""


class ModelDecision(Part):
    """What was decided of a model of this home's domain: promoted, refused, rolled back to."""

    action: Literal["promoted", "refused", "rolled back"]
    run: str
    arm: str
    created: str
    """When, ISO 8601."""
    policy: str
    why: str
    """One sentence, in a person's words where a person decided."""


class ListedItem(Part):
    item_id: str
    title: str
    rank: int = 0
    score: float | None = None
    reason: str = ""
    hit: bool = False


class KindList(Part):
    """A list of one kind of items alone."""

    kind: str
    arm: str
    items: list[ListedItem]


class SampleUser(Part):
    """A user whose lists the report shows."""

    user_id: str
    split: str
    history: list[ListedItem]
    lists: dict[str, list[ListedItem]]
    of_kinds: list[KindList] = []
    """The leading arm's list of each kind of ``rank.kinds``."""
    slice: str = ""
    """The slice that it was drawn from; empty in results that do not say."""


class DataSummary(Part):
    n_users: int
    n_items: int
    n_events: int
    n_quarantined: int
    simulated: bool
    source: str
    notes: list[str] = []
    """How the files were read where that is not plain, and what is odd about them; sentences without a full stop."""


class Result(Part):
    """All that a run found."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    created: str
    domain: str
    baseline: str
    """That of the first split."""
    seed: int
    data_fingerprint: str
    data: DataSummary
    splits: list[SplitSummary]
    arms: list[ArmResult]
    arm_infos: list[ArmInfo] = []
    """One for each arm; where an arm has none, the report cannot say whether it reads language, and says that."""
    measures: list[MeasureInfo]
    not_measured: list[NotMeasured] = []
    filters: list[FilterCount] = []
    retrieval: list[RetrievalResult] = []
    curves: list[CurvePoint] = []
    """What diversity costs in accuracy; empty where the run did not ask."""
    learning: list[LearningPoint] = []
    """Accuracy by how much an arm learnt from; empty where the run did not ask."""
    predictions: list[PredictionError] = []
    """Of the model of what was shown, where exposures are, and of the value model, where the run reranks by value."""
    ratings: list[RatingError] = []
    """Of the arms that predict ratings; empty where none does, or nobody rates."""
    counterfactuals: list[Counterfactual] = []
    """One for each split that cuts by time, where what was shown, with which probability and what was clicked is known after the cut; a second one where it is known what exposures brought in."""
    policy_logs: list[PolicyLog] = []
    """Of the logs that ``measure.logs`` names, which lie beside the data of the run."""
    causal: list[CausalTable] = []
    """One for each split whose pair was compared."""
    experiment: Experiment | None = None
    """Where ``measure.experiment`` says that users were assigned at random."""
    fitness: list[DataFitness] = []
    """One for each split: what its data can answer, said before an arm is fitted."""
    attributions: list[Attribution] = []
    """One for each split: what of the gain is the words', and what the language model's."""
    verdicts: list[Verdict] = []
    plan: PlanRecord | None = None
    """None in results that do not say."""
    within_slices: list[WithinSlices] = []
    """One for each split whose pair was compared."""
    who_gains: list[WithinSlices] = []
    """The same within slices of users by their habits: see :mod:`recsat.measure.behaviour`."""
    kind_accuracy: list[KindAccuracy] = []
    """One for each split and kind of ``rank.kinds``."""
    alerts: list[Alert] = []
    """One for each rule of the configuration and split that it names."""
    decisions: list[ModelDecision] = []
    """The last decisions before this run about which model is served, the newest first."""
    sample_users: list[SampleUser] = []
    stages: list[StageCost]
    config: dict[str, JsonValue]
    versions: dict[str, str]

    def baseline_on(self, split: str) -> str:
        """The arm that every other arm of ``split`` is compared with."""
        return next((one.baseline for one in self.splits if one.name == split and one.baseline), self.baseline)

    @property
    def baselines(self) -> list[str]:
        """Those of all splits, each once."""
        return list(dict.fromkeys([self.baseline_on(split.name) for split in self.splits] or [self.baseline]))
