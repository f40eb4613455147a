"""Sequence: a causal transformer that reads a history in order and says what comes next."""

from __future__ import annotations

import logging
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recsat.arms.attributes import SavedByAttributes, packed, unpacked
from recsat.arms.linear.inner_products import item_vectors
from recsat.arms.linear.padded import PADDING, at_candidates
from recsat.arms.sequence.sampled_softmax import popularity_draws, sampled_softmax_loss
from recsat.arms.sequence.transformer import CausalTransformer
from recsat.arms.sequence.windows import batches_of_like_length, in_order, latest, shuffled, trimmed, windows
from recsat.contract.arm import ArmState, Reasons
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.embed.device import pick_device

logger = logging.getLogger(__name__)

EXPLAINED_AT_ONCE = 8_192  # histories with one item left out that are scored together
EVERY_ITEM = slice(None)


class Items(nn.Module):
    r"""Item vectors :math:`e_i = t_i W + r_i`: the item's text through a linear map, and what its events add.

    W starts as the principal directions of the texts and r as 0, so an item that nobody has used still has a vector,
    :math:`t_i W`. In training the r of a share of the items is left out in every step, so that the map alone has to serve
    (Volkovs et al., DropoutNet, NeurIPS 2017).
    """

    text: Tensor

    def __init__(self, text: Tensor, width: int, cold_share: float) -> None:
        super().__init__()
        self.cold_share = cold_share
        self.register_buffer("text", text)
        directions = torch.linalg.eigh(text.double().T @ text.double()).eigenvectors.flip(1)[:, :width].float()
        projected = text @ directions
        start = torch.zeros(text.shape[1], width)
        start[:, : directions.shape[1]] = directions / projected.norm(dim=1).mean().clamp(min=1e-6)
        self.map = nn.Parameter(start)
        self.residuals = nn.Parameter(torch.zeros(len(text), width))

    def forward(self, items: Tensor | slice = EVERY_ITEM) -> Tensor:
        residuals: Tensor = self.residuals[items]
        if self.training and self.cold_share > 0:
            residuals = residuals * (torch.rand(len(residuals), 1, device=residuals.device) >= self.cold_share)
        return self.text[items] @ self.map + residuals


def of_step(window: Tensor, sample: Tensor | None) -> tuple[Tensor | slice, Tensor, Tensor | None]:
    """The items of one step, and ``window`` and ``sample`` as places among them: of many thousands a step meets some hundreds.

    Without a sample it meets all.
    """
    if sample is None:
        return EVERY_ITEM, window, None
    items, place = torch.unique(torch.cat([window.flatten(), sample]), return_inverse=True)
    return items, place[: window.numel()].view_as(window), place[window.numel() :]


class SequenceTransformer(SavedByAttributes):
    r"""SASRec (Kang and McAuley, ICDM 2018) with softmax loss, on item vectors that begin as the items' texts.

    .. math:: s_{ui} = \mathrm{transformer}(e_{h_1}, \dots, e_{h_n})^\top e_i

    The last ``length`` liked items in order of time go in; the state after the last of them scores the catalogue. Trained
    to predict every item of a history from those before it, by softmax over ``n_negatives`` items drawn by popularity to
    the power ``negative_power`` (over all warm items where there are no more than that); SASRec's own binary loss with
    one negative costs most of its accuracy (Klenitskiy and Vasilev, RecSys 2023). Runs on CUDA or MPS where there is one.

    **Without times** there is no sequence: training draws each user's order anew in every epoch, which makes it a model of
    sets, and scoring reads the history in order of item index.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        n_layers: int = 2,
        n_heads: int = 2,
        length: int = 50,
        dropout: float = 0.2,
        cold_share: float = 0.2,
        epochs: int = 30,
        batch: int = 64,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        n_negatives: int = 256,
        negative_power: float = 0.5,
        device: str = "auto",
    ) -> None:
        if width % n_heads:
            raise ValueError(f"width {width} cannot be shared by n_heads {n_heads}: make it a multiple")
        if length < 1 or epochs < 1 or batch < 1:
            raise ValueError(f"length, epochs and batch must be at least 1, not {length}, {epochs} and {batch}")
        self.width = width
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.length = length
        self.dropout = dropout
        self.cold_share = cold_share
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.n_negatives = n_negatives
        self.negative_power = negative_power
        self.device = pick_device(device)

    def fit(self, train: TrainingData) -> Self:
        text = torch.from_numpy(item_vectors(train, "text", "sequence"))
        if train.users.times is None:
            logger.warning("sequence: the events have no times; histories are read as sets, in order of item index")
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):  # dropout draws from the global generator: leave it as it was
            torch.manual_seed(train.seed)
            self._items = Items(text, self.width, self.cold_share).to(self.device)
            self._model = self._new_model().to(self.device)
            self._train(train)
        self._items.eval()
        self._model.eval()
        with torch.inference_mode():
            self._vectors: Tensor = self._items()
        return self

    def _new_model(self) -> CausalTransformer:
        return CausalTransformer(
            width=self.width,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            length=self.length,
            dropout=self.dropout,
        )

    def attributes(self) -> dict[str, Any]:
        """Without what only training needs, and without the device: a loaded arm runs on the one it was made for."""
        values = {name: value for name, value in vars(self).items() if name not in ("_items", "_model", "device")}
        return {**values, "_model": packed(self._model.state_dict())}

    def restore(self, state: ArmState) -> Self:
        values = unpacked(state)
        weights = unpacked(values.pop("_model"))
        vars(self).update(values)
        self._vectors = self._vectors.to(self.device)
        with torch.device("meta"):  # no weights are drawn that would be thrown away
            self._model = self._new_model()
        self._model.load_state_dict(weights, assign=True)
        self._model.to(self.device).eval()
        return self

    def _train(self, train: TrainingData) -> None:
        rng = np.random.default_rng(train.seed)
        rows, items = in_order(train.users)
        if not len(items):
            return
        popularity = torch.from_numpy(train.popularity).to(self.device)
        draws = popularity_draws(popularity, self.negative_power)
        log_draws = torch.log(draws * self.n_negatives)
        everything = int((popularity > 0).sum()) <= self.n_negatives
        parameters = [*self._items.parameters(), *self._model.parameters()]
        optimiser = torch.optim.AdamW(parameters, lr=self.learning_rate, weight_decay=self.weight_decay)
        n_steps = self.epochs * -(-len(self._epoch(train, rows, items, np.random.default_rng(0))) // self.batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, self.learning_rate, total_steps=n_steps + self.epochs)
        for epoch in range(self.epochs):
            cut = self._epoch(train, rows, items, rng)
            total = torch.zeros((), device=self.device)
            for batch_rows in batches_of_like_length(cut, self.batch, rng):
                window = torch.from_numpy(trimmed(cut[batch_rows])).to(self.device)
                real = window != PADDING
                sample = None if everything else torch.multinomial(draws, self.n_negatives, replacement=True)
                items_met, place, sample = of_step(window.clamp(min=0), sample)
                vectors = self._items(items_met)
                states = self._model(vectors[place[:, :-1]])
                loss = sampled_softmax_loss(states[real], place[real], vectors, log_draws[items_met], sample)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(parameters, 1.0)
                optimiser.step()
                if schedule.last_epoch < schedule.total_steps - 1:
                    schedule.step()
                total += loss.detach() * len(batch_rows)  # a number on the host would wait for every step
            logger.debug("sequence: epoch %d of %d, loss %.4f", epoch + 1, self.epochs, float(total) / len(cut))

    def _epoch(
        self, train: TrainingData, rows: NDArray[np.int64], items: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        if train.users.times is None:
            rows, items = shuffled(rows, items, rng)
        return windows(rows, items, len(train.users), self.length, rng)

    @torch.inference_mode()
    def states(self, sequences: NDArray[np.int64]) -> Tensor:
        """The transformer's answer to each row of item indices, padded with -1 on the right, (n, width), on the device."""
        places = torch.from_numpy(sequences).to(self.device)
        hidden: Tensor = self._model(self._vectors[places.clamp(min=0)])
        last = (places != PADDING).sum(dim=1)
        return hidden[torch.arange(len(places), device=self.device), last]

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = self.states(latest(*in_order(users), len(users), self.length)) @ self._vectors.T
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    @torch.inference_mode()
    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item without which the listed item's score is lowest, by leaving each out in turn.

        The history that is scored without an item is exactly the one that a user without it would have: where it is longer
        than ``length``, an older item moves up. An item whose absence would not lower the score is not named.
        """
        recent = latest(*in_order(users), len(users), self.length + 1)
        n_users, width = recent.shape
        counts = (recent != PADDING).sum(axis=1)
        # A history of length + 1 has lost its oldest item before it was scored: that one is no reason.
        named = (recent != PADDING) & ((counts[:, None] <= self.length) | (np.arange(width) > 0))
        user, place = np.nonzero(named)
        shared = self._vectors[torch.from_numpy(items).to(self.device).clamp(min=0)]
        whole = torch.einsum("bd,bkd->bk", self.states(latest(*in_order(users), len(users), self.length)), shared)
        lost = torch.zeros(n_users, width, items.shape[1])
        for start in range(0, len(user), EXPLAINED_AT_ONCE):
            u, p = user[start : start + EXPLAINED_AT_ONCE], place[start : start + EXPLAINED_AT_ONCE]
            without = np.where(np.arange(width - 1) < p[:, None], recent[u, :-1], recent[u, 1:])
            at = torch.from_numpy(u).to(self.device)
            scored = torch.einsum("bd,bkd->bk", self.states(without), shared[at])
            lost[u, p] = (whole[at] - scored).cpu()
        best = lost.max(dim=1)
        reason = np.take_along_axis(recent, best.indices.numpy(), axis=1)
        because = np.where((best.values.numpy() > 1e-5) & (items != PADDING), reason, PADDING)
        return Reasons(code=np.where(because >= 0, "because", "taste"), item=because)
