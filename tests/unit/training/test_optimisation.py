"""Learning-rate schedule, optimiser and averaged weights."""

from __future__ import annotations

import pytest
import torch

from suites.training.optimisation import MovingAverage, Optimiser, Schedule, generator_for


def test_the_rate_warms_up_stays_and_cools_down():
    schedule = Schedule(constant_steps=200, cooldown_steps=100)
    rates = [schedule.factor(step) for step in range(schedule.steps)]
    assert rates[0] < 0.05
    assert set(rates[60:201]) == {1.0}
    assert rates[200:] == sorted(rates[200:], reverse=True)
    assert 0 < rates[-1] < 0.02


def test_schedules_with_more_constant_steps_begin_alike():
    short, long = Schedule(100, 50), Schedule(300, 50)
    assert [short.factor(s) for s in range(100)] == [long.factor(s) for s in range(100)]


def test_the_optimiser_lowers_a_loss_over_kernels_matrices_and_biases():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(128, 4)
    )
    optimiser = Optimiser(
        dict(network.named_parameters()), muon_rate=0.02, adam_rate=1e-2, dense=()
    )
    inputs, target = torch.randn(16, 3, 4, 4), torch.randn(16, 4)
    before = [weight.clone() for weight in network.parameters()]
    losses = []
    for _ in range(30):
        loss = (network(inputs) - target).square().mean()
        optimiser.step(loss, 1.0)
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert not any(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_the_average_follows_the_weights_slowly():
    average = MovingAverage({"w": torch.zeros(2)}, decay=0.9)
    average.update({"w": torch.ones(2)}, step=1000)
    assert average.values["w"].tolist() == pytest.approx([0.1, 0.1])


def test_random_numbers_of_a_step_do_not_depend_on_earlier_steps():
    first, again, other = (torch.rand(4, generator=generator_for(1, s)) for s in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
