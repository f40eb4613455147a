"""RunConfig: one object for the command line, Python, the Prefect form and deployments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationInfo, field_validator, model_validator

from recsat.config.secrets import secrets_in
from recsat.errors import did_you_mean


class Settings(BaseModel):
    """Base of every section: unknown keys are refused."""

    # What is wrong may be a secret, and pydantic would repeat it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Which pydantic would take for 1 or 0."""
        if isinstance(value, bool) and info.field_name is not None:
            kinds = set(_types(cls.model_fields[info.field_name].annotation))
            if kinds & {int, float} and bool not in kinds:
                raise ValueError(f"{str(value).lower()} is no number. Write a number")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _no_nul(cls, value: object) -> object:
        """Which no path has, and no system call takes."""
        if any("\0" in text for text in _texts(value)):
            raise ValueError("it has the sign NUL in it, which no file and no name has. Write it anew")
        return value


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in [*value, *(value.values() if isinstance(value, dict) else ())]:
            yield from _texts(part)


def _types(annotation: object) -> Iterator[object]:
    yield annotation
    for part in get_args(annotation):
        yield from _types(part)


class DataSettings(Settings):
    """What becomes of the loaded tables before they are split."""

    min_user_events: int = Field(
        5, ge=0, description="Keep users with at least this many liked items (k-core, iterated with the next)."
    )
    min_item_events: int = Field(
        5,
        ge=0,
        description="Keep items liked by at least this many users. Items without events stay out too, unless 0.",
    )
    on_bad_rows: Literal["raise", "quarantine"] = Field(
        "raise",
        description="raise: stop at bad rows. quarantine: set them aside in quarantine.csv and count them in the report.",
    )
    feedback: bool = Field(
        False,
        description=(
            "Take the events of home's feedback log beside the domain's own. Those that are none of the domain's are set aside in quarantine.csv, those "
            "on items that it does not have are counted."
        ),
    )


class SplitSettings(Settings):
    """One way to hold out events. Every split has train, validation and test parts."""

    name: str = Field("timeline", pattern=r"^[a-z][a-z0-9-]*$", description="How the split is called in the report.")
    protocol: Literal["timeline", "last-n", "random", "cold-items", "cold-users", "mixed"] = Field(
        "timeline",
        description=(
            "timeline: one global cut in time. last-n: each user's last n events. random: a share of each user's events. "
            "cold-items: whole items, ranked among themselves. cold-users: whole users. mixed: cold-items and random together, all items ranked."
        ),
    )
    test_share: float = Field(0.2, gt=0, lt=1, description="Share held out for the test part (not for last-n).")
    validation_share: float = Field(0.1, gt=0, lt=1, description="Share of what is left that is held out for tuning.")
    n_last: int = Field(
        5, ge=1, description="last-n: events per user in the test part; the validation part has as many."
    )
    window_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description=(
            "last-n: only of users whose held-out events lie in this last share of the liked events in time. What others did in that time is "
            "known, so the share bounds how much of the future arms may learn from. 1: of everybody."
        ),
    )
    repeats: int | None = Field(
        None,
        ge=1,
        le=100,
        description=(
            "How often the held-out part is drawn anew. Every arm is tuned on the first draw and fitted and judged on each (on mixed, what the default arm chooses inside fit is "
            "chosen on each as well, at the cost of a first draw for each), and the intervals join what differs between draws with what differs between users. Empty: 5 where all users share the items that are drawn "
            "(cold-items, mixed), else 1."
        ),
    )

    @property
    def n_draws(self) -> int:
        """``repeats``, or the protocol's own number."""
        return self.repeats or (5 if self.protocol in ("cold-items", "mixed") else 1)

    @model_validator(mode="after")
    def _settings_fit_the_protocol(self) -> Self:
        if self.n_draws > 1 and self.protocol in ("timeline", "last-n"):
            raise ValueError(
                f"split {self.name!r}: repeats {self.n_draws}, but {self.protocol} draws nothing, so every repeat would be the same. Leave it out."
            )
        if self.window_share < 1 and self.protocol != "last-n":
            raise ValueError(
                f"split {self.name!r}: window_share {self.window_share:g} is for last-n, and {self.protocol} would not look at it. Leave it out."
            )
        return self


class EncoderSettings(Settings):
    """How texts become vectors."""

    name: str = Field("minilm", description="A registered encoder; `recsat plugins` lists them.")
    model: str | None = Field(None, description="A local folder or hub id, for encoders that take one.")
    revision: str | None = Field(None, description="Hub revision to pin, for a hub id.")
    pooling: Literal["auto", "mean", "cls", "last"] = Field(
        "auto", description="How token vectors become one. auto: as the model declares, else by its architecture."
    )
    prompt: str | None = Field(
        None, description="Put in front of every text. Empty: the model's own prompt for documents, where it has one."
    )
    max_tokens: int = Field(256, ge=8, le=8192, description="Texts are cut after this many tokens.")
    token_budget: int = Field(
        512, ge=64, description="Padded tokens in one forward pass on a CPU; accelerators take 32 times as many."
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps …")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="auto: bfloat16 on a GPU that has it, else float32. On a CPU with bfloat16 units, bfloat16 embeds 1.6 times as fast at a least cosine of .9999 to float32.",
    )


class StoreSettings(Settings):
    """Where vectors live. The API key of a server is read from QDRANT_API_KEY and never from here."""

    backend: Literal["edge", "memory", "server"] = Field(
        "edge", description="edge: embedded engine on disk. memory: tiny and volatile. server: a Qdrant at url."
    )
    url: str | None = Field(None, description="server: address of the Qdrant API; QDRANT_URL where this is empty.")
    directory: str = Field(
        ".recsat/store",
        min_length=1,
        description="edge: folder of the embedded store; one process at a time. Relative: below home.",
    )
    tenant: str = Field(
        "default",
        pattern=r"^[a-z0-9_]{1,32}$",
        description="Whose collections these are: a part of every name, so that several teams can share a server.",
    )
    wait_s: float = Field(
        600.0,
        ge=0,
        description="Seconds to wait for another process that has the embedded store open, or publishes the same collection.",
    )
    keep_days: float = Field(
        7.0,
        ge=0,
        description="Collections of the domain that no alias serves and nobody has used for so many days are deleted.",
    )
    batch: int = Field(256, ge=1, le=10_000, description="Points sent in one request.")
    timeout_s: int = Field(60, ge=1, le=86_400, description="server: seconds to wait for an answer.")
    retries: int = Field(
        4,
        ge=0,
        le=20,
        description="server: how often a request is sent again after a fault that passes, such as status 503.",
    )
    ca_file: str | None = Field(
        None, description="server: file with the certificates of the authority that signed the server's, for https."
    )
    grpc: bool = Field(False, description="server: send points and queries by gRPC instead of REST.")
    grpc_port: int = Field(6334, ge=1, le=65_535, description="server: port of gRPC.")
    quantisation: Literal["none", "int8"] = Field(
        "none", description="int8: search by one byte a number and order by the whole vectors; a quarter of the memory."
    )
    oversampling: float = Field(
        2.0,
        ge=1,
        le=20,
        description="int8: so many times as many hits are taken by the small numbers as are asked for, and ordered by the whole vectors.",
    )
    principal: int | None = Field(
        None,
        ge=8,
        description="Candidates are sought by so many principal directions of longer vectors, which the index holds in their place; lists are scored by the whole ones. Empty: whole.",
    )
    on_disk: bool = Field(False, description="Read vectors from disk instead of holding them in memory.")
    hnsw_ef: int = Field(
        256, ge=16, description="Search width of the HNSW graph, where the collection is large enough to have one."
    )

    @model_validator(mode="after")
    def _grpc_reads_its_certificates_elsewhere(self) -> Self:
        if self.grpc and self.ca_file:
            raise ValueError("ca_file is for REST: with grpc, set GRPC_DEFAULT_SSL_ROOTS_FILE_PATH to the file instead")
        return self


class RankSettings(Settings):
    """From candidates to lists."""

    k: int = Field(10, ge=1, le=1000, description="Length of a list.")
    n_candidates: int = Field(500, ge=10, le=10_000, description="Candidates that Qdrant hands to the reranker.")
    source: Literal["index", "catalogue"] = Field(
        "index",
        description=(
            "Where arms with stored vectors take a run's candidates. index: from the vector store, whose recall the report then says. catalogue: every list is "
            "made from exact scores of all items, which for many users at once is exact and up to some hundred thousand items cheaper."
        ),
    )
    filters: list[str] = Field(default_factory=lambda: ["seen"], description="Filters in the order in which they run.")
    kinds: list[str] = Field(
        default_factory=list,
        description=(
            "Kinds of items of which everybody gets a list apart as well, by every arm and k long: its nDCG is measured by the held-out likes of that kind. Empty: "
            "one list of all kinds alone."
        ),
        examples=[["friend", "content"]],
    )
    device: str = Field(
        "auto", description="Device of scores, lists and rerankers, and where it is CUDA of closed forms."
    )
    user_block: int = Field(256, ge=1, description="Users scored together; on an accelerator eight times as many.")
    reranker: str | None = Field(
        None,
        description="What reorders every arm's candidates; `recsat plugins` lists them. Empty: the arm's own order.",
    )
    reranker_parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="Parameters of the reranker, such as trade_off: 0 is the arm's own order."
    )


Control = Literal["words", "permuted", "masked"]


def _words() -> list[Control]:
    return ["words"]


class ExperimentMetric(Settings):
    """What an experiment compares, user by user."""

    value: str = Field(description="The column that is summed over what a user was shown, or exposures: their number.")
    per: str | None = Field(
        None,
        description="The column whose sum divides, or exposures: a ratio over all users. Empty: the sum of each user.",
        examples=["exposures"],
    )
    before: str | None = Field(
        None,
        description="The column with the user's value before anything was shown, the same in each row, by which variance is taken out (CUPED). Not for ratios.",
    )
    better: Literal["higher", "lower"] = Field("higher", description="Which is better.")
    dimension: Literal["diversity", "behaviour", "business"] = Field(
        "behaviour", description="What it is a measure of, for the table of all evidence."
    )
    role: Literal["primary", "guardrail", "secondary"] = Field(
        "primary",
        description="primary: decides, Holm-corrected. guardrail: must not be worse by the margin. secondary: is shown, and decides nothing.",
    )
    margin: float = Field(
        0.05, ge=0, lt=1, description="guardrail: how much worse is as good, as a share of the control's mean."
    )
    cap: float | None = Field(
        None,
        allow_inf_nan=False,
        description="Values of a user above it are drawn in to it (winsorised). Decide before the experiment. Not for ratios.",
    )

    @model_validator(mode="after")
    def _ratios_are_plain(self) -> Self:
        if self.per is not None and (self.before is not None or self.cap is not None):
            raise ValueError("per: a ratio has neither before nor cap. Leave them out, or compare the sum of each user")
        return self


class ExperimentSettings(Settings):
    """Policies that were shown to users at random: which is the control, and what is compared."""

    control: str = Field(
        "",
        description="The policy that the others are compared with. Empty with simulated_split: the arm without a language model.",
    )
    simulated_split: str | None = Field(
        None,
        description=(
            "Data of a simulator alone: the split whose two arms the verdict compares. A coin gives each simulated user the list of one of them, and the domain's simulator says "
            "what comes of it."
        ),
        examples=["timeline"],
    )
    file: str | None = Field(
        None,
        description="A log of its own: CSV, Parquet or JSON lines with user_id, policy and what the metrics name. Empty: the domain's exposures.",
    )
    policy: str = Field("policy", description="The column that says which policy showed it.")
    shares: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description="By policy: which share of the users it was to have, of any sum. Empty: as many each.",
    )
    metrics: dict[str, ExperimentMetric] = Field(
        default_factory=dict, description="By what they are called. Empty: clicks per exposure."
    )
    days: int | None = Field(
        None,
        ge=1,
        description=(
            "Each user counts with so many days from the first exposure, and only once they are over. With it there are intervals that may be looked at every day. "
            "Empty: the whole log."
        ),
    )
    simulated: bool = Field(False, description="Whether the log is simulated; the report then says so.")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.simulated_split is None and not self.control:
            raise ValueError("control: name the policy that the others are compared with")
        if self.simulated_split is not None and (self.control or self.file or self.shares):
            raise ValueError(
                "simulated_split: its policies are the verdict's two arms, half of the users each. Leave control, file and shares out"
            )
        return self


class PolicyLogSettings(Settings):
    """A log of what one policy showed, which is asked what another would have earned in its place."""

    name: str = Field(min_length=1, description="What the report calls it.", examples=["shop front, week 30"])
    file: str = Field(
        min_length=1,
        description=(
            "CSV, Parquet or JSON lines: a row for each exposure with user_id, policy, click, propensity (with which probability its policy showed it) and "
            "probability (with which the judged policy would have); and, if known, value, what it brought in (empty: nothing), which is then judged beside the clicks."
        ),
    )
    unit: str = Field("", description="Of the file's value column.", examples=["EUR"])
    logged_by: str = Field(description="The policy whose rows are the log.", examples=["bts"])
    propensity_model: str = Field(
        "",
        description="Where its propensities are estimates and were not logged: of which model, in words; what it says is then marked as assumed.",
    )
    judged: str = Field(
        description="The policy that is judged. Where it has rows in the file as well, the report has beside the estimate what it did earn.",
        examples=["random"],
    )


class TargetSettings(Settings):
    """Which policy an arm is judged as by the log of what was shown: how its lists become probabilities."""

    policy: Literal["list", "softmax", "deterministic"] = Field(
        "list",
        description=(
            "list: each place shows one item of the list, each as likely. softmax: the item at place r with a probability in proportion to exp(-r / temperature). "
            "deterministic: place r shows the item at place r, always, which overlaps with the log in few exposures."
        ),
    )
    temperature: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="softmax, which needs it: in places of the list. Near 0 the first item alone is shown, and far above the list's length each as likely.",
        examples=[3.0],
    )
    epsilon: float = Field(
        0.0,
        ge=0,
        le=1,
        description="With this probability any item of the catalogue is shown, each of the shown item's kind as likely, and else what policy says.",
    )

    @model_validator(mode="after")
    def _softmax_has_a_temperature(self) -> Self:
        if (self.policy == "softmax") != (self.temperature is not None):
            raise ValueError("temperature: it belongs to policy softmax, which needs it. Give both, or neither")
        return self


class MeasureSettings(Settings):
    """What is measured and how sure it must be."""

    baseline: str = Field(
        "auto",
        description=(
            "The arm that every other arm is compared with, user by user. auto: popularity-recent where the split is a timeline, else popularity."
        ),
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Level of the intervals.")
    n_bootstrap: int = Field(1000, ge=100, le=100_000, description="Bootstrap resamples over users.")
    winsorise: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description=(
            "Share of the values other than 0 that are drawn in to the next largest, in measures without an upper bound such as money; "
            "likewise the smallest where there is no lower one. 0: none. Decide before the run: the measure's label says it."
        ),
    )
    n_sample_users: int = Field(5, ge=0, le=50, description="Users whose lists the report shows.")
    worth_having: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description=(
            "By measure, such as ndcg@10: the smallest difference that would be worth having. A verdict then says better, worse, as good "
            "as (the interval lies within it) or cannot tell."
        ),
    )
    plan: str | None = Field(
        None,
        description=(
            "A file of recsat plan: what was to decide, written before a result was seen. The report says whether it was kept. Empty: the run's own, "
            "written before an arm is fitted."
        ),
    )
    controls: list[Control] = Field(
        default_factory=_words,
        description=(
            "What is put in the place of the language model, arm by arm. words: TF-IDF of the same texts, the control without which "
            "nothing can be said of the model. permuted: its vectors handed to other items, which must be worth nothing. "
            "masked: the model reading texts without the items' names."
        ),
    )
    propensity_model: str = Field(
        "",
        description=(
            "Where propensities of exposures are estimates and were not logged: of which model, in words. What an arm would have earned is then marked "
            "as assumed. Empty: they were logged."
        ),
    )
    target: TargetSettings = Field(
        default_factory=TargetSettings,
        description="As which policy arms are judged by the log of what was shown.",
    )
    experiment: ExperimentSettings | None = Field(
        None,
        description=(
            "Where users were assigned to policies at random: what the report shows of that experiment. Empty: nobody says so, and nothing is compared."
        ),
    )
    logs: list[PolicyLogSettings] = Field(
        default_factory=list,
        description="Logs of what was shown, beside the data of the run: what another policy would have earned in each, for the report.",
    )
    curves: bool = Field(
        True,
        description=(
            "Measure on the validation part what diversity costs in accuracy, for the rerankers with a trade_off. "
            "Takes one more fit of one arm, of others where nothing says which is best, and 12 rerankings for each reranker of up to 1,000 users."
        ),
    )
    curve_arm: str | None = Field(
        None, description="The arm of these curves. Empty: the best one on the validation part of each split."
    )

    learning_curve: list[str] = Field(
        default_factory=list,
        description=(
            "Arms of the run whose accuracy is measured by how much they learnt from: the test users' lists when the arm has seen 1, 3, 10, 30 and 100 % of the "
            "training likes. Takes five more fits of each, on the first draw of each split. Empty: none."
        ),
        examples=[["text", "aligned", "hybrid"]],
    )

    def on(self, protocol: str) -> MeasureSettings:
        """These settings for a split of ``protocol``: ``baseline`` is the name of an arm."""
        if self.baseline != "auto":
            return self
        return self.model_copy(update={"baseline": "popularity-recent" if protocol == "timeline" else "popularity"})


Language = Literal["en", "zh"]


class ReportSettings(Settings):
    """How the report reads."""

    language: Language = Field(
        "en",
        description="en: English. zh: Chinese. `recsat report` writes a finished run's report anew in another language.",
    )


Accuracy = Literal["ndcg", "precision", "recall", "map", "mrr", "hit"]


class AlertSettings(Settings):
    """When a run is worse than the one before it: on the same users and held-out events, beyond chance."""

    arm: str = Field(description="The arm that is held against itself in the run before.")
    measure: str = Field(
        "ndcg",
        min_length=1,
        description="A measure with a direction and a value for each list, at the run's k: of accuracy, of diversity (topic-ild), or one of the domain's.",
    )
    split: str | None = Field(None, description="The split. Empty: each of the run's splits on which the arm ranks.")
    worse_by: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="How much worse it must be, as a share of the mean before: 0.05 is 5 %. The interval of the difference must lie below 0 too.",
    )


class PromoteSettings(Settings):
    """When a run's model may be served in the place of another: both on the same users and held-out events, paired."""

    policy: Literal["always", "within-margin", "not-worse", "better"] = Field(
        "within-margin",
        description=(
            "within-margin: what the users judged lose on average is no more than the margin. not-worse: the interval shows so of all users, which takes some "
            "hundreds of them. better: the interval lies above 0. always: no comparison. "
            "Index and model folder are checked in any case."
        ),
    )
    margin: float = Field(
        0.05, ge=0, lt=1, description="How much worse is as good: a share of the served model's mean, 0.05 is 5 %."
    )
    measure: Accuracy = Field("ndcg", description="What decides: a measure of accuracy, at the smaller k of both runs.")
    guards: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(
        default_factory=dict,
        description=(
            "Further measures that must not be worse, each with its own margin: of accuracy, of diversity (topic-ild), or of the domain's, such as "
            "ecommerce.revenue_per_user."
        ),
    )
    minimum_recall: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Share of the exact lists that candidates from the index must contain, where the arm takes its candidates from there; and, whatever the arm, of the items nearest to the run's own vectors.",
    )

    @model_validator(mode="after")
    def _guards_are_other_measures(self) -> Self:
        if self.measure in self.guards:
            raise ValueError(
                f"guards: {self.measure} is the measure that decides, by margin. Leave it out of the guards."
            )
        return self


class RunConfig(Settings):
    """A whole run. Unknown keys are an error."""

    domain: str = Field("content", description="Name of the domain plugin.")
    domain_config: dict[str, JsonValue] = Field(
        default_factory=dict, description="The domain's own settings; checked by its config model."
    )
    data: DataSettings = Field(default_factory=DataSettings, description="Core and quarantine.")
    splits: list[SplitSettings] = Field(
        default_factory=lambda: [SplitSettings()], min_length=1, description="Ways to hold out events."
    )
    encoder: EncoderSettings = Field(default_factory=EncoderSettings, description="Text encoder.")
    store: StoreSettings = Field(default_factory=StoreSettings, description="Vector store.")
    arms: list[str] = Field(
        default_factory=lambda: [
            "popularity",
            "text-user",
            "text-raw",
            "text",
            "item-knn",
            "ease",
            "ials",
            "aligned",
            "hybrid",
        ],
        min_length=1,
        description="Arms to compare.",
    )
    parameters: dict[str, dict[str, JsonValue]] = Field(
        default_factory=dict,
        description="Fixed hyperparameters by arm; what is not fixed is tuned on the validation part.",
    )
    rank: RankSettings = Field(default_factory=RankSettings, description="Candidates, filters, reranking.")
    measure: MeasureSettings = Field(default_factory=MeasureSettings, description="Measures and intervals.")
    report: ReportSettings = Field(default_factory=ReportSettings, description="The report's language.")
    series: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description=(
            "Name of what is run again and again, such as nightly. Alerts and trends compare with earlier runs of the same domain and series."
        ),
    )
    alerts: list[AlertSettings] = Field(
        default_factory=list,
        description="What to hold against the run before this one. Where one is raised, `recsat run` ends with exit code 3.",
    )
    promote: PromoteSettings = Field(
        default_factory=PromoteSettings, description="What `recsat promote` asks of the run's model."
    )
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = Field(42, description="Seed of everything random.")
    threads: int | None = Field(
        None,
        ge=1,
        description="Processor threads of a stage. Empty: OMP_NUM_THREADS, else half of the cores; all of them on a machine that does nothing else.",
    )
    home: str | None = Field(
        None,
        min_length=1,
        description=(
            "Folder of everything that outlives a run; written into a run's config.json as an absolute path. Empty: the working directory, unless "
            "that is a temporary folder."
        ),
    )
    runs_dir: str = Field("runs", min_length=1, description="Folder for run folders. Relative: below home.")
    cache_dir: str = Field(
        ".recsat/cache",
        min_length=1,
        description="Folder for vectors of texts already embedded. Relative: below home.",
    )

    @field_validator("splits")
    @classmethod
    def _split_names_differ(cls, splits: list[SplitSettings]) -> list[SplitSettings]:
        names = [split.name for split in splits]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two splits are called {twice[0]!r}: give each a name of its own")
        return splits

    @model_validator(mode="after")
    def _holds_no_secret(self) -> Self:
        for sentence in secrets_in(self.model_dump(mode="json")):
            raise ValueError(sentence)
        return self

    @model_validator(mode="after")
    def _experiment_names_a_split(self) -> Self:
        names = [split.name for split in self.splits]
        one = None if self.measure.experiment is None else self.measure.experiment.simulated_split
        if one is not None and one not in names:
            raise ValueError(
                f"measure.experiment.simulated_split: the run has no split {one!r}. It has: {', '.join(names)}.{did_you_mean(one, names)}"
            )
        return self

    @model_validator(mode="after")
    def _alerts_name_splits(self) -> Self:
        names = [split.name for split in self.splits]
        for alert in self.alerts:
            if alert.split is not None and alert.split not in names:
                raise ValueError(
                    f"alerts: the run has no split {alert.split!r}. It has: {', '.join(names)}.{did_you_mean(alert.split, names)}"
                )
        return self
