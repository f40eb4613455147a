"""Stage compare: the text arms before and after, user by user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.config.settings import EncoderSettings
from recsat.contract.domain import RecommenderSpec
from recsat.data.split import Split
from recsat.embed.cache import embed_items
from recsat.embed.centre import centre
from recsat.embed.provenance import PROVENANCE_FILE
from recsat.finetune.encoder import MODEL, settings_of
from recsat.lists.make import lists_of
from recsat.measure.differences import difference_intervals
from recsat.measure.intervals import Intervals, bootstrap_intervals
from recsat.measure.measures import key_of
from recsat.measure.score import ALL, EvaluationCache, score_users
from recsat.measure.significance import holm, sign_flip_test
from recsat.report.markdown import escape
from recsat.result.numerals import decimals_for, interval, number, p_value, signed
from recsat.run.stage import StageContext, StageCounts
from recsat.stages.prepare import read_split
from recsat.stages.recommend import able_arms
from recsat.stages.trial.evidence import evidence_of
from recsat.stages.trial.fold import test_fold, validation_fold
from recsat.stages.trial.inputs import RunInputs, encode_raw_with, encode_with, inputs_of
from recsat.stages.trial.request import request_of
from recsat.stages.trial.tune import tune

MEASURES: Final = ("ndcg", "recall", "topic-ild", "novelty")
"""Intra-list diversity of text vectors is not among them: the two encoders would each be judged by their own vectors."""
Values = NDArray[np.float64]


def compare(context: StageContext) -> StageCounts:
    """Writes finetune/compare.json and compare.md: each arm with the encoder as it was and as it is, on every split.

    Arms are tuned on validation for each encoder, fitted on what is known and judged on the test part, by exact scores over
    the whole catalogue. Differences are after minus before over users, p-values Holm-adjusted over the whole table.
    """
    config, settings = context.config, settings_of(context)
    tuned = EncoderSettings(
        **config.encoder.model_dump(exclude={"name", "model", "revision", "pooling", "prompt"}),
        name="transformer",
        model=str(context.folder.path / MODEL),
    )
    texts: pl.Series = context.folder.read_table("data/texts.parquet")["text"]
    available = context.plugins.recommenders(context.domain)
    arms = context.plugins.select("arm", available, settings.compare_arms)
    context.progress.expect(2 * texts.n_unique())
    before, after = (_inputs(context, encoder, texts, arms) for encoder in (config.encoder, tuned))
    values: dict[tuple[str, str, str], tuple[Values, Values]] = {}
    for split_settings in config.splits:
        split = read_split(context.folder, split_settings.name)
        able = able_arms(arms, split.protocol)
        old, new = (_scores(context, split, able, inputs) for inputs in (before, after))
        values |= {(split.name, *key): (old[key], new[key]) for key in old}
    rows = _rows(context, values)
    context.folder.write_json("finetune/compare.json", {"confidence": config.measure.confidence, "rows": rows})
    markdown = in_markdown(
        rows, config.measure.confidence, context.folder.read_json(f"{MODEL}/{PROVENANCE_FILE}")["best_epoch"]
    )
    context.folder.write_text("finetune/compare.md", markdown)
    return StageCounts(n_new=len(rows))


def _inputs(
    context: StageContext, settings: EncoderSettings, texts: pl.Series, arms: Mapping[str, RecommenderSpec]
) -> RunInputs:
    """The run's, with vectors of this encoder."""
    encoder = context.plugins.encoder(settings.name).make(settings)
    raw = embed_items(texts, encoder, context.config.cache_dir, context.progress.advance).vectors
    centred, mean = centre(raw)
    encode_users = encode_raw_with(context, settings) if any(spec.reads_users for spec in arms.values()) else None
    encode = encode_with(context, settings, mean)
    return inputs_of(context, {"raw": raw, "text": centred}, encode, encode_users, encoder.fingerprint)


def _scores(
    context: StageContext, split: Split, arms: Mapping[str, RecommenderSpec], inputs: RunInputs
) -> dict[tuple[str, str], Values]:
    """One value a served user by (arm, measure), NaN where it has none."""
    tuning, judging = validation_fold(inputs, split), test_fold(inputs, split)
    request = request_of(context.config, context.domain)
    # Diversity by vectors is left out: each encoder would be judged by its own.
    evidence = replace(evidence_of(inputs, split, judging.users.id_series, judging.relevant), vectors=None)
    cache = EvaluationCache(evidence, request.k)
    scores = {}
    for name, spec in arms.items():
        parameters = tune(
            name, spec, context.config.parameters.get(name, {}), tuning, request, known=judging.train
        ).parameters
        fitted = spec.make(**parameters).fit(judging.train)
        lists = lists_of(judging, name, fitted, request).lists
        by_measure = score_users(lists, cache.listed(lists), cache, {})
        for measure in MEASURES:
            values = by_measure.get((ALL, key_of(measure, request.k)))
            if values is not None:
                scores[name, key_of(measure, request.k)] = values
    return scores


def _rows(context: StageContext, values: Mapping[tuple[str, str, str], tuple[Values, Values]]) -> list[dict[str, Any]]:
    """One row for each (split, arm, measure). Users of another split are another table, so splits are taken one by one."""
    measure, rows, p = context.config.measure, [], []
    for split in dict.fromkeys(key[0] for key in values):
        keys = [key for key in values if key[0] == split]
        old, new = (np.column_stack([values[key][i] for key in keys]) for i in (0, 1))
        before, after, apart = (
            intervals_of(
                table, confidence=measure.confidence, n_bootstrap=measure.n_bootstrap, seed=context.config.seed
            )
            for intervals_of, table in (
                (bootstrap_intervals, old),
                (bootstrap_intervals, new),
                (difference_intervals, new - old),
            )
        )
        p += list(sign_flip_test(new - old))
        for i, (_, arm, name) in enumerate(keys):
            parts = {
                "before": _mean_and_bounds(before, i),
                "after": _mean_and_bounds(after, i),
                "difference": _mean_and_bounds(apart, i),
            }
            rows.append({"split": split, "arm": arm, "measure": name, **parts, "n_users": int(apart.n_users[i])})
    for row, adjusted in zip(rows, holm(np.array(p)), strict=True):
        row["p_adjusted"] = None if np.isnan(adjusted) else float(adjusted)
    return rows


def _mean_and_bounds(intervals: Intervals, i: int) -> dict[str, float | None]:
    parts = {"mean": intervals.mean[i], "low": intervals.low[i], "high": intervals.high[i]}
    return {name: None if np.isnan(value) else float(value) for name, value in parts.items()}


def in_markdown(rows: list[dict[str, Any]], confidence: float, best_epoch: int) -> str:
    """The table for people, and which epoch the weights after it are of."""
    which = f"The weights after it are those of epoch {best_epoch}, the best on validation."
    if best_epoch == 0:
        which = "**No epoch was better on validation than the start, so the weights are those it started from.**"
    lines = [
        "# Before and after fine-tuning",
        "",
        which,
        "",
        f"Differences are after minus before, user by user, with {confidence:.0%} intervals over users; p-values are "
        "Holm-adjusted over this table.",
        "",
        "| split | arm | measure | before | after | difference | interval | p | users |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        before, after, apart = row["before"], row["after"], row["difference"]
        places = decimals_for([before["mean"], after["mean"]])
        cells = [
            escape(row["split"]),
            escape(row["arm"]),
            escape(row["measure"]),
            number(before["mean"], places),
            number(after["mean"], places),
            signed(apart["mean"], places),
            interval(apart["low"], apart["high"], places, with_sign=True),
            p_value(row["p_adjusted"]),
            f"{row['n_users']:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
