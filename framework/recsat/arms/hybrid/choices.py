"""What the hybrid chooses by held-out likes, in a form that is a parameter too: given, nothing is sought again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from recsat.arms.hybrid.merge import Merge
from recsat.arms.hybrid.parts import (
    Aligned,
    Carried,
    Factors,
    Foretold,
    Liked,
    LikedOfLate,
    Likeness,
    Order,
    Recipe,
    Together,
)
from recsat.arms.hybrid.stack import Stack

RECIPES: Mapping[str, type[Any]] = {
    kind.__name__: kind for kind in (Together, Order, Aligned, Likeness, Carried, Factors, Foretold, Liked, LikedOfLate)
}


@dataclass(frozen=True)
class Choices:
    """Parts that count, with their settings and weights, for warm and for unseen items, and how both make one list."""

    recipes: Mapping[str, Recipe]
    """Of parts of warm items, by name."""
    unseen_recipes: Mapping[str, Recipe]
    warm: Stack
    unseen: Stack
    merge: Merge
    half_life: float | None = None
    """Of recent popularity, seconds."""
    half_lives: tuple[float, ...] = ()
    """Of the gains by recency, seconds."""
    all_as_unseen: bool = False
    """Items that have likes are ranked as those that have none: by texts."""
    n_dead: float | None = None
    """Items that nobody chose when this was chosen, None for all without a like: what is fitted on other events of the catalogue, with other items hidden or none, has the same."""

    @property
    def summary(self) -> str:
        """What was chosen, in one line."""
        if self.all_as_unseen:
            return f"texts alone: {', '.join(self.unseen.weights)}"
        warm = ", ".join(f"{weight:g} {name}" for name, weight in self.warm.weights.items())
        powers = ", ".join(f"{name}^{power:g}" for name, power in self.warm.powers.items())
        unseen = ", ".join(f"{weight:g} {name}" for name, weight in self.unseen.weights.items())
        return f"warm: {warm}{' × ' + powers if powers else ''}; unseen: {self.merge.offset:g} + {self.merge.slope:g} ({unseen})"

    def to_json(self) -> dict[str, Any]:
        """What :meth:`of_json` reads, plain values alone, and :attr:`summary` for people."""
        return {
            "summary": self.summary,
            "warm": _parts(self.recipes, self.warm),
            "powers": dict(self.warm.powers),
            "unseen": _parts(self.unseen_recipes, self.unseen),
            "merge": asdict(self.merge),
            "half_life": self.half_life,
            "half_lives": list(self.half_lives),
            "all_as_unseen": self.all_as_unseen,
            "n_dead": self.n_dead,
        }

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Self:
        """Raises ValueError where ``values`` are not what :meth:`to_json` gives."""
        try:
            warm, unseen = values["warm"], values["unseen"]
            return cls(
                {name: _recipe(one) for name, one in warm.items()},
                {name: _recipe(one) for name, one in unseen.items()},
                Stack({name: float(one["weight"]) for name, one in warm.items()}, dict(values["powers"])),
                Stack({name: float(one["weight"]) for name, one in unseen.items()}),
                Merge(**values["merge"]),
                values["half_life"],
                tuple(values["half_lives"]),
                values["all_as_unseen"],
                values.get("n_dead"),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"choices are not those that a hybrid made ({type(error).__name__}: {error}). Leave them out, and they are sought."
            ) from error


def _parts(recipes: Mapping[str, Recipe], stack: Stack) -> dict[str, Any]:
    return {name: {"weight": weight, **_plain(recipes[name])} for name, weight in stack.weights.items()}


def _plain(recipe: Any) -> dict[str, Any]:
    values = {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}
    if isinstance(recipe, Carried):
        values["source"] = _plain(recipe.source)
    return {"kind": type(recipe).__name__, **values}


def _recipe(values: Mapping[str, Any]) -> Recipe:
    settings = {name: value for name, value in values.items() if name not in ("kind", "weight")}
    if "source" in settings:
        settings["source"] = _recipe(settings["source"])
    recipe: Recipe = RECIPES[values["kind"]](**settings)
    return recipe
