"""The arms that recsat brings, by name. Light: an arm's module is imported when the arm is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from recsat.builtin.lazy import lazy
from recsat.config.settings import Control
from recsat.contract.domain import RecommenderSpec

ORDER_GRID = {"step_decay": (1.0, 2.0), "together": (0.2, 0.5), "history_decay": (4.0, None)}

# bytes_per_item_pair is held against measured peaks by tests/benchmarks/item_pairs.py; that of the hybrid, whose trials take memory whatever the number
# of items, is that of the ease-text inside it: 51 were measured at 6,000 items and 1,500 users, trials and all.
_ARMS: list[RecommenderSpec] = [
    RecommenderSpec(
        name="popularity",
        description="Most liked items first, the same for everybody.",
        make=lazy("recsat.arms.popularity:Popularity"),
        ranks_unseen_items=True,  # as the baseline of every split; unseen items tie and are drawn at random
    ),
    RecommenderSpec(
        name="popularity-recent",
        description="Most liked of late first, the same for everybody; without times, popularity.",
        make=lazy("recsat.arms.recent_popularity:RecentPopularity"),
        ranks_unseen_items=True,  # as the baseline of a timeline
    ),
    RecommenderSpec(
        name="text-raw",
        description="Mean of the liked items' text vectors as encoded, cosine.",
        make=lazy("recsat.arms.text:TextSimilarity", vector="raw"),
        ranks_unseen_items=True,
        reads="language model",
    ),
    RecommenderSpec(
        name="text-user",
        description="What people build first: the user's text and the item's text, encoded, cosine.",
        make=lazy("recsat.arms.user_text:UserText"),
        grid={"centred": (False, True)},
        ranks_unseen_items=True,
        reads="language model",
        reads_users=True,
    ),
    RecommenderSpec(
        name="text",
        description="Mean of the liked items' text vectors after the catalogue mean is subtracted, cosine.",
        make=lazy("recsat.arms.text:TextSimilarity", vector="text"),
        ranks_unseen_items=True,
        reads="language model",
    ),
    RecommenderSpec(
        name="item-knn",
        description="Item-item cosine neighbours with shrinkage.",
        make=lazy("recsat.arms.item_knn:ItemNeighbours"),
        grid={"n_neighbours": (50, 200), "shrinkage": (0.0, 20.0, 100.0)},
    ),
    RecommenderSpec(
        name="ease",
        description="EASE: linear item-item regression in closed form.",
        make=lazy("recsat.arms.ease:Ease"),
        grid={"l2": (50.0, 100.0, 200.0, 400.0, 800.0)},
        bytes_per_item_pair=4.6,
    ),
    RecommenderSpec(
        name="ials",
        description="Implicit alternating least squares (matrix factorisation).",
        make=lazy("recsat.arms.ials:ImplicitALS"),
        grid={"regularisation": (3.0, 10.0, 30.0), "alpha": (1.0, 5.0)},
    ),
    RecommenderSpec(
        name="mf",
        description="Biased matrix factorisation of ratings; ranks by the rating that it predicts.",
        make=lazy("recsat.arms.biased_mf:BiasedMF"),
        grid={"l2": (5.0, 10.0, 15.0, 30.0), "bias_l2": (2.0, 5.0, 20.0)},  # docs/decisions/0022-predictions.md
        predicts_ratings=True,
    ),
    RecommenderSpec(
        name="aligned",
        description="Item texts mapped to taste by a closed-form bilinear ridge; ranks unseen items.",
        make=lazy("recsat.arms.aligned:AlignedText"),
        grid={"l2": (0.03, 0.1, 0.3, 1.0, 3.0, 5.0, 10.0, 30.0), "popularity_power": (0.0, 0.25)},
        ranks_unseen_items=True,
        reads="language model",
    ),
    RecommenderSpec(
        name="ease-text",
        description="EASE drawn towards what the texts say (L3AE), in closed form.",
        make=lazy("recsat.arms.ease_text:EaseText"),
        grid={"l2": (50.0, 100.0), "prior": (100.0, 200.0, 400.0), "text_l2": (1.0, 3.0)},
        ranks_unseen_items=True,
        reads="language model",
        bytes_per_item_pair=41.0,
    ),
    RecommenderSpec(
        name="ials-text",
        description="iALS whose item factors have a ridge map from the texts as their prior mean; for catalogues of any size.",
        make=lazy("recsat.arms.ials_text:IalsText"),
        grid={"regularisation": (10.0, 30.0, 60.0), "alpha": (3.0, 5.0), "map_l2": (30.0, 100.0)},
        ranks_unseen_items=True,
        reads="language model",
    ),
    RecommenderSpec(
        name="hybrid",
        description="A learnt sum of what is liked together, what follows what, texts and popularity; all choices made on likes held out inside.",
        make=lazy("recsat.arms.hybrid.hybrid:Hybrid", representation="both"),
        ranks_unseen_items=True,
        reads="language model",
        reads_besides=("words",),
        bytes_per_item_pair=41.0,
        dense_limit=20_000,
    ),
    RecommenderSpec(
        name="linear-order",
        description="What came before what, in closed form (SLIST); the latest of a history counts most.",
        make=lazy("recsat.arms.linear_order:LinearOrder"),
        grid={"l2": (20.0, 100.0, 500.0), **ORDER_GRID},
        bytes_per_item_pair=21.0,
    ),
    RecommenderSpec(
        name="linear-order-text",
        description="The same drawn towards what the texts say, in closed form.",
        make=lazy("recsat.arms.linear_order:LinearOrderText"),
        grid={"prior": (30.0, 100.0, 300.0), **ORDER_GRID},
        ranks_unseen_items=True,
        reads="language model",
        bytes_per_item_pair=21.0,
    ),
    RecommenderSpec(
        name="sequence",
        description="SASRec-style causal transformer over the history in order of time, on item vectors that begin as texts.",
        make=lazy("recsat.arms.sequence.sasrec:SequenceTransformer"),
        ranks_unseen_items=True,
        reads="language model",
    ),
    RecommenderSpec(
        name="multimodal",
        description="Aligned text on text and picture vectors, fused with weights found on validation; ranks unseen items.",
        make=lazy("recsat.arms.multimodal:MultimodalAligned"),
        grid={"text_share": (0.9, 0.75, 0.5), "l2": (0.3, 1.0, 3.0)},
        ranks_unseen_items=True,
        reads="language model",
    ),
]

CLOSED_FORMS = frozenset({"text-raw", "text", "aligned", "ease-text", "ials-text", "linear-order-text", "hybrid"})
"""Arms whose ``representation`` may be another than the run's encoder."""
IN_PLACE: Mapping[Control, str] = {
    "words": "TF-IDF words in place of the language model",
    "permuted": "the language model's vectors handed to other items",
    "masked": "the language model reading texts without the items' names",
}


def _with_controls(spec: RecommenderSpec) -> Iterator[RecommenderSpec]:
    """The arm, and where it has a ``representation`` the same arm with each control."""
    if spec.name not in CLOSED_FORMS:
        yield spec
        return
    yield replace(spec, controls=tuple(IN_PLACE))
    for control, words in IN_PLACE.items():
        yield replace(
            spec,
            name=f"{spec.name}-{control}",
            description=f"{spec.description.rstrip('.')}; {words}.",
            make=partial(spec.make, representation=control),
            reads="words" if control == "words" else "language model",
            control=control,
            reads_besides=(),
        )


def _with_words_beside(spec: RecommenderSpec) -> RecommenderSpec:
    """The arm on the encoder's vectors with the words' beside them, a ridge for each."""
    return replace(
        spec,
        name=f"{spec.name}-both",
        description=f"{spec.description.rstrip('.')}; TF-IDF words beside the language model.",
        make=partial(spec.make, representation="both"),
        grid={
            **{name: values[:: max(1, len(values) // 2)] for name, values in spec.grid.items()},
            "words_share": WORDS_SHARES,
        },
        reads_besides=("words",),
    )


WORDS_SHARES = (0.5, 0.2, 0.8)
WORDS_BESIDE = ("aligned", "ease-text", "ials-text")
RECOMMENDERS: list[RecommenderSpec] = [
    *(with_control for spec in _ARMS for with_control in _with_controls(spec)),
    *(_with_words_beside(spec) for spec in _ARMS if spec.name in WORDS_BESIDE),
]
