r"""Arms fitted on the sums of several silos, none of which sends an event.

What :class:`~recsat.arms.aligned.AlignedText` and :class:`~recsat.arms.ease_text.EaseText` learn from is a sum over users,

.. math:: A = \sum_u n_u^{-1} (x_u^\top E)^\top (x_u^\top E), \qquad G = \sum_u n_u^{-1/2} x_u x_u^\top,

so each silo sends its own part, and the arm fitted on the total is the one that all events together would give. A user of two silos counts as two.

Three things may stand between a silo's sums and who adds them up. *Masks*: each two silos share a secret, from which both draw the same numbers; one adds
and one subtracts them, in fixed point modulo 2⁶⁴, and only the sum over all silos is legible (Bonawitz et al., CCS 2017, without drop-outs). *Noise*:
with user-level differential privacy the contribution of each user to A is clipped, and Gaussian noise added (:func:`noise_scale`). *Fingerprints*: sums over another catalogue
or of another encoder's vectors are refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr

from recsat.arms.ease_text import weighted_gram
from recsat.arms.linear.bilinear import Moments, bilinear_moments
from recsat.arms.linear.transfer import is_other_encoder
from recsat.atomic import write_bytes
from recsat.contract.interactions import Catalogue, TrainingData
from recsat.errors import ConfigError

FORMAT: Final = "recsat-sums-1"
SCALE: Final = 2.0**32
"""Of fixed point: a number is off by 2⁻³³ at most, and a sum must stay below 2³¹."""
LONGEST: Final = 2.0**31
SHORTEST_SECRET: Final = 32
"""Characters."""


@dataclass(frozen=True)
class Sums:
    """What one silo, or several together, know; see the module."""

    catalogue: str
    encoder: str
    silos: tuple[str, ...]
    arrays: Mapping[str, NDArray[np.float64] | NDArray[np.uint64]]
    """``text`` (d, d) is A, ``gram`` (n_items, n_items) is G, ``popularity`` (n_items,), ``totals`` (3,): likes, and likes weighted by each power of the length of a
    history. Unsigned integers where masked; ``text`` alone where private."""
    members: tuple[str, ...] = ()
    """All silos of a masked round; empty where nothing is masked."""
    round: str = ""
    epsilon: float | None = None
    delta: float | None = None
    clip: float | None = None

    @property
    def is_masked(self) -> bool:
        return bool(self.members) and set(self.silos) != set(self.members)

    def moments(self, train: TrainingData, item_vectors: NDArray[np.float32]) -> Moments:
        """Of aligned text, with user rows weighted by their length and items not at all."""
        self.check("aligned", catalogue_fingerprint(train.catalogue), train.encoder)
        A = self.arrays["text"].astype(np.float64)
        if len(A) != item_vectors.shape[1]:
            raise ConfigError(
                f"aligned: the sums are of vectors of length {len(A)}, those of this run have {item_vectors.shape[1]}. Use one encoder."
            )
        warm = np.ones(len(item_vectors)) if self.epsilon is not None else self.arrays["popularity"] > 0.5
        scale = 1.0 if self.epsilon is not None else self._scale(1)
        E = item_vectors.astype(np.float64)
        # Liked items are warm and weigh 1, so that what was liked is what was summed.
        return Moments(scale * A, scale * A, E.T @ (E * warm[:, None]))

    def gram(self, train: TrainingData) -> NDArray[np.float64]:
        """XᵀD_wX of EASE with texts."""
        self.check("ease-text", catalogue_fingerprint(train.catalogue), train.encoder)
        if "gram" not in self.arrays:
            raise ConfigError(
                "ease-text: the sums have no item pairs, which private sums never have. Export them with --pairs and without --epsilon."
            )
        return self._scale(2) * self.arrays["gram"].astype(np.float64)

    def _scale(self, power: int) -> float:
        """So that a like weighs 1 in the mean, as in :func:`~recsat.arms.linear.bilinear.length_weights`."""
        totals = self.arrays["totals"]
        return float(totals[0] / totals[power]) if totals[power] > 0 else 1.0

    def check(self, arm: str, catalogue: str, encoder: str) -> None:
        """Raises ConfigError where the sums are masked, or of another catalogue or encoder than those of the fingerprints."""
        if self.is_masked:
            raise ConfigError(f"{arm}: the sums of {', '.join(self.silos)} are masked. Merge those of all silos first.")
        if self.catalogue != catalogue:
            raise ConfigError(
                f"{arm}: the sums are over another catalogue. All silos need one item table, in one order, and data.min_item_events 0."
            )
        if is_other_encoder(self.encoder, encoder):
            raise ConfigError(
                f"{arm}: the sums are of another encoder's vectors ({self.encoder[:12]}) than this run's ({encoder[:12]}). "
                "Set encoder to that of the silos, or export the sums with this one."
            )


def catalogue_fingerprint(catalogue: Catalogue) -> str:
    """SHA-256 of the item ids in their order."""
    return hashlib.sha256("\0".join(catalogue.ids).encode()).hexdigest()


def sums_of(train: TrainingData, *, silo: str, encoder: str, pairs: bool = True) -> Sums:
    """The sums of one silo's training data; ``pairs`` for EASE with texts, which needs items × items numbers."""
    history, E = train.users.history, train.vectors["text"]
    n = np.diff(history.indptr).astype(np.float64)
    by_length = {power: np.where(n > 0, n.clip(min=1) ** -power, 0.0) for power in (1.0, 0.5)}
    arrays: dict[str, NDArray[np.float64]] = {
        "text": bilinear_moments(history, E, user_weights=by_length[1.0], item_weights=np.ones(len(E))).users,
        "popularity": train.popularity.astype(np.float64),
        "totals": np.array([n.sum(), *((weights * n).sum() for weights in by_length.values())]),
    }
    if pairs:
        arrays["gram"] = weighted_gram(history, by_length[0.5]).numpy()
    return Sums(catalogue_fingerprint(train.catalogue), encoder, (silo,), arrays)


def private_sums(
    train: TrainingData, *, silo: str, encoder: str, epsilon: float, delta: float, clip: float, seed: int
) -> Sums:
    r"""A with user-level (ε, δ) differential privacy: each user's part is scaled down to Frobenius norm ``clip`` at most, and noise added to the total.

    :math:`\|n^{-1} s s^\top\|_F = \|s\|^2 / n` for a user's sum of vectors s. Nothing else is sent: the ridge of aligned text does not depend on the scale of A. The noise is as secret
    as ``seed``.
    """
    A, _ = _clipped(train, clip)
    noise = np.random.default_rng(seed).normal(0, noise_scale(epsilon, delta, clip), A.shape)
    upper = np.triu(noise)
    values, vectors = np.linalg.eigh(A + upper + np.triu(noise, 1).T)
    A = (vectors * values.clip(min=0)) @ vectors.T  # what is below 0 is noise
    fingerprint = catalogue_fingerprint(train.catalogue)
    return Sums(fingerprint, encoder, (silo,), {"text": A}, epsilon=epsilon, delta=delta, clip=clip)


@dataclass(frozen=True)
class Price:
    """What noise is beside the sums that it is added to. It is told by the data themselves and so is not private: for the silo's own eyes."""

    n_users: int
    """With a like."""
    n_clipped: int
    """Of these, whose part is scaled down."""
    ratio: float
    """Frobenius norm of the clipped sums over that which is expected of the noise."""
    n_above: int
    """Eigenvalues of the clipped sums above the noise's largest, 2σ√d (Wigner, Annals of Mathematics 1958): directions of taste that can be told from it."""
    n_directions: int
    """d."""


def price_of_privacy(train: TrainingData, *, epsilon: float, delta: float, clip: float) -> Price:
    """Of :func:`private_sums` with the same arguments."""
    A, norms = _clipped(train, clip)
    sigma, d = noise_scale(epsilon, delta, clip), len(A)
    n_above = int((np.linalg.eigvalsh(A) > 2 * sigma * np.sqrt(d)).sum())
    return Price(int((norms > 0).sum()), int((norms > clip).sum()), float(np.linalg.norm(A)) / (sigma * d), n_above, d)


def _clipped(train: TrainingData, clip: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A of parts that are ``clip`` at most, and what each user's part was before."""
    history, E = train.users.history, train.vectors["text"]
    n = np.diff(history.indptr).astype(np.float64)
    norms = (np.asarray(history @ E, dtype=np.float64) ** 2).sum(axis=1) / n.clip(min=1)
    weights = clip / norms.clip(min=clip) / n.clip(min=1)
    return bilinear_moments(history, E, user_weights=weights, item_weights=np.ones(len(E))).users, norms


def noise_scale(epsilon: float, delta: float, sensitivity: float) -> float:
    r"""Smallest σ of a Gaussian mechanism that is (ε, δ) differentially private.

    :math:`\Phi(\tfrac{\Delta}{2\sigma} - \tfrac{\epsilon\sigma}{\Delta}) - e^\epsilon\, \Phi(-\tfrac{\Delta}{2\sigma} - \tfrac{\epsilon\sigma}{\Delta}) = \delta`.
    Balle and Wang, ICML 2018, theorem 8. Raises ConfigError where a number is not above 0, or δ not below 1.

    >>> round(noise_scale(1.0, 1e-5, 1.0), 2)
    3.73
    """
    if min(epsilon, delta, sensitivity) <= 0 or delta >= 1:
        raise ConfigError(
            f"epsilon {epsilon}, delta {delta}, clip {sensitivity}: all must be above 0, and delta below 1."
        )

    def excess(sigma: float) -> float:
        near, far = 1 / (2 * sigma), epsilon * sigma
        return float(ndtr(near - far) - np.exp(epsilon + log_ndtr(-near - far))) - delta

    return float(brentq(excess, 1e-3 / max(1.0, epsilon**0.5), 1e6, xtol=1e-12)) * sensitivity


def masked(sums: Sums, secrets: Mapping[str, str], round_name: str) -> Sums:
    """``sums`` of one silo in fixed point, with the masks that it shares with each other one.

    ``secrets`` has by the other silos' names what each shares with this one, and nobody else knows; ``round_name`` must be new each time, or the difference of two rounds is legible.
    Raises ConfigError for short secrets, a round without a name, and numbers too large for fixed point.
    """
    (silo,) = sums.silos
    if not round_name or silo in secrets or not secrets:
        raise ConfigError("masks: name the round, and give a secret for each other silo and none for this one.")
    short = next((name for name, secret in secrets.items() if len(secret) < SHORTEST_SECRET), None)
    if short is not None:
        raise ConfigError(
            f"masks: the secret shared with {short} has fewer than {SHORTEST_SECRET} characters. Draw a longer one at random."
        )
    members = tuple(sorted([silo, *secrets]))
    arrays = {}
    for name, values in sums.arrays.items():
        total = fixed_point(values, len(members))
        for other, secret in secrets.items():
            mask = _mask(secret, round_name, sums.catalogue, name, values.shape)
            total = total + mask if silo < other else total - mask
        arrays[name] = total
    return replace(sums, arrays=arrays, members=members, round=round_name)


def fixed_point(values: NDArray[np.float64] | NDArray[np.uint64], n_silos: int = 1) -> NDArray[np.uint64]:
    """Numbers as integers modulo 2⁶⁴; raises ConfigError where the sum of ``n_silos`` such could leave the range."""
    largest = float(np.abs(values).max(initial=0.0))
    if largest * n_silos >= LONGEST:
        raise ConfigError(
            f"masks: a sum of {largest:.3g} is too large for {n_silos} silos in fixed point. Merge without masks."
        )
    return np.rint(values * SCALE).astype(np.int64).view(np.uint64)


def _mask(secret: str, round_name: str, catalogue: str, name: str, shape: tuple[int, ...]) -> NDArray[np.uint64]:
    """Numbers that look random to whoever does not know the secret."""
    seed = "\0".join([FORMAT, secret, round_name, catalogue, name]).encode()
    stream = hashlib.shake_256(seed).digest(8 * int(np.prod(shape)))
    return np.frombuffer(stream, dtype="<u8").astype(np.uint64).reshape(shape)


def merge(parts: Sequence[Sums]) -> Sums:
    """The sums of all ``parts``, the same whatever their order.

    Raises ConfigError where they are of another catalogue or encoder, a silo is there twice, privacy or rounds differ, or one that is needed to unmask the others is missing.
    """
    if not parts:
        raise ConfigError("federated: there is nothing to merge. Name the silos' files.")
    parts = sorted(parts, key=lambda part: part.silos)
    first = parts[0]
    for part in parts:
        for what in ("catalogue", "encoder", "members", "round", "epsilon", "delta", "clip"):
            if getattr(part, what) != getattr(first, what):
                raise ConfigError(
                    f"federated: {', '.join(part.silos)} and {', '.join(first.silos)} differ in {what}. Export all with the same."
                )
        if part.arrays.keys() != first.arrays.keys() or any(
            part.arrays[name].shape != array.shape for name, array in first.arrays.items()
        ):
            raise ConfigError(
                f"federated: {', '.join(part.silos)} and {', '.join(first.silos)} hold other sums. Export all with --pairs or all without."
            )
    silos = [silo for part in parts for silo in part.silos]
    twice = next((silo for silo in silos if silos.count(silo) > 1), None)
    if twice is not None:
        raise ConfigError(f"federated: silo {twice} is there twice. Leave one of its files out.")
    missing = sorted(set(first.members) - set(silos))
    if missing:
        raise ConfigError(
            f"federated: the masks of this round need {', '.join(missing)} too. Merge the files of all silos at once."
        )
    arrays: dict[str, NDArray[np.float64]] = {}
    for name in first.arrays:
        total = np.sum([part.arrays[name] for part in parts], axis=0)
        arrays[name] = total.view(np.int64) / SCALE if first.members else total
    return replace(first, silos=tuple(silos), arrays=arrays)


def write_sums(sums: Sums, path: Path) -> None:
    """As safetensors, with everything else as its metadata."""
    metadata = {
        "format": FORMAT,
        "catalogue": sums.catalogue,
        "encoder": sums.encoder,
        "silos": "\n".join(sums.silos),
        "members": "\n".join(sums.members),
        "round": sums.round,
        **{name: repr(value) for name in ("epsilon", "delta", "clip") if (value := getattr(sums, name)) is not None},
    }
    write_bytes(path, save({name: np.ascontiguousarray(array) for name, array in sums.arrays.items()}, metadata))


def read_sums(path: str | Path, *, with_arrays: bool = True) -> Sums:
    """What :func:`write_sums` wrote, or what it says of itself alone; raises ConfigError where it is missing, damaged or something else."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys() if with_arrays}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            f"sums {path}: cannot be read ({error}). Export them with recsat federated export."
        ) from error
    if metadata.get("format") != FORMAT:
        raise ConfigError(f"sums {path}: this is no file of sums. Export them with recsat federated export.")
    private = {name: float(metadata[name]) for name in ("epsilon", "delta", "clip") if name in metadata}
    return Sums(
        catalogue=metadata["catalogue"],
        encoder=metadata["encoder"],
        silos=tuple(metadata["silos"].split("\n")),
        arrays=arrays,
        members=tuple(filter(None, metadata["members"].split("\n"))),
        round=metadata["round"],
        **private,
    )
