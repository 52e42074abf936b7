"""How weights are changed: optimisers, the learning-rate schedule, the averaged weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

_WARM_UP: Final = 60
_FINAL_SHARE: Final = 0.01


@dataclass(frozen=True)
class Schedule:
    """Warm-up, a constant phase, then a cosine cool-down; all in steps.

    A run of fewer constant steps shares its beginning with a longer one, so that
    a checkpoint of the constant phase can be cooled down at any step
    ("warm-up, stable, decay", https://arxiv.org/abs/2404.06395).
    """

    constant_steps: int
    cooldown_steps: int

    @property
    def steps(self) -> int:
        """Number of steps in all."""
        return self.constant_steps + self.cooldown_steps

    def factor(self, step: int) -> float:
        """Share of the peak learning rate at a step, in (0, 1]."""
        warm = min(1.0, (step + 1) / _WARM_UP)
        if step < self.constant_steps:
            return warm
        progress = (step - self.constant_steps) / self.cooldown_steps
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        return warm * (_FINAL_SHARE + (1 - _FINAL_SHARE) * cosine)


@dataclass(frozen=True)
class _Matrix:
    """A weight and the two-dimensional view of its storage that Muon updates."""

    weight: torch.nn.Parameter
    flat: torch.nn.Parameter


class Optimiser:
    """Muon for matrices and convolution kernels, AdamW for everything else.

    Kernels are seen as matrices (outputs, inputs * height * width), as in
    https://kellerjordan.github.io/posts/muon/. Weights whose name contains one of
    `dense` (first and last layers, embeddings) go to AdamW too.
    """

    def __init__(
        self,
        weights: Mapping[str, torch.nn.Parameter],
        *,
        muon_rate: float,
        adam_rate: float,
        dense: tuple[str, ...],
    ) -> None:
        self._weights = list(weights.values())
        self._rates = muon_rate, adam_rate
        self._matrices = [
            _Matrix(w, torch.nn.Parameter(w.detach().view(w.shape[0], -1)))
            for name, w in weights.items()
            if w.ndim >= 2 and not any(part in name for part in dense)
        ]
        chosen = {id(matrix.weight) for matrix in self._matrices}
        self._muon = torch.optim.Muon(
            [matrix.flat for matrix in self._matrices], lr=muon_rate, weight_decay=0.0
        )
        self._adam = torch.optim.AdamW(
            [w for w in self._weights if id(w) not in chosen],
            lr=adam_rate,
            betas=(0.9, 0.99),
            weight_decay=0.0,
        )

    def step(self, loss: Tensor, factor: float) -> float:
        """Go one step down the loss; return the norm of its gradient before clipping to 1.

        `factor` scales both learning rates.
        """
        for weight in self._weights:
            weight.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        for matrix in self._matrices:
            gradient = matrix.weight.grad
            matrix.flat.grad = None if gradient is None else gradient.reshape(matrix.flat.shape)
        for optimiser, rate in zip((self._muon, self._adam), self._rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            optimiser.step()
        return float(norm)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on later."""
        return {"muon": self._muon.state_dict(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state saved earlier."""
        self._muon.load_state_dict(state["muon"])
        self._adam.load_state_dict(state["adam"])


class MovingAverage:
    """Exponentially averaged copies of weights, quicker to follow during the first steps."""

    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        self._decay = decay
        self.values = {name: weight.detach().clone() for name, weight in weights.items()}

    @torch.no_grad()
    def update(self, weights: Mapping[str, Tensor], step: int) -> None:
        """Move towards the weights after step number `step` (from 0)."""
        share = 1 - min(self._decay, (step + 1) / (step + 10))
        names = list(self.values)
        torch._foreach_lerp_(
            [self.values[name] for name in names], [weights[name].detach() for name in names], share
        )


def make_deterministic(threads: int, seed: int) -> None:
    """Fix everything that training's arithmetic depends on, besides the machine itself."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(seed)


def generator_for(seed: int, step: int) -> torch.Generator:
    """Seed the random numbers of one step, independent of those before: runs can resume."""
    return torch.Generator().manual_seed(seed * 1_000_003 + step)
