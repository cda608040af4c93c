"""Scores of tasks, domains and agents, with their uncertainty. Pure functions of episode scores.

Everywhere `scores` maps a task id to the scores of its episodes, shape `(num_episodes,)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = Mapping[str, NDArray[np.float64]]

NUM_RESAMPLES = 2000
_BOOTSTRAP_SEED = 0
_TAILS = (0.025, 0.975)
"""Quantiles between which 95 % lie."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number and its bootstrap confidence interval."""

    value: float
    low: float
    high: float


def task_means(scores: Scores) -> dict[str, float]:
    """Return the mean score of every task."""
    return {task: float(np.mean(values)) for task, values in _checked(scores).items()}


def mean_score(scores: Scores) -> float:
    """Return the mean over tasks of the task means: the MMBench score."""
    return float(np.mean(list(task_means(scores).values())))


def domain_means(scores: Scores, domains: Mapping[str, str]) -> dict[str, float]:
    """Return the mean over the tasks of every domain; `domains` maps task ids to domain names."""
    grouped: dict[str, list[float]] = {}
    for task, value in task_means(scores).items():
        grouped.setdefault(domains[task], []).append(value)
    return {domain: float(np.mean(values)) for domain, values in grouped.items()}


def interquartile_mean(scores: Scores) -> float:
    """Return the mean of the middle half of all episode scores, every task weighing the same.

    Source:
        Agarwal et al., arXiv:2108.13264, section 4.3; weights make tasks with different numbers
        of episodes count alike.
    """
    checked = _checked(scores)
    values = np.concatenate(list(checked.values()))
    weights = np.concatenate([np.full(len(v), 1 / len(v)) for v in checked.values()])
    return float(_weighted_iqm(values[None], weights)[0])


def bootstrap_mean(scores: Scores, num_resamples: int = NUM_RESAMPLES) -> Estimate:
    """Return `mean_score` with a 95 % interval, episodes resampled within each task."""
    samples = np.mean([values.mean(axis=1) for values in _resampled(scores, num_resamples)], axis=0)
    return _estimate(mean_score(scores), samples)


def bootstrap_iqm(scores: Scores, num_resamples: int = NUM_RESAMPLES) -> Estimate:
    """Return `interquartile_mean` with a 95 % interval, episodes resampled within each task."""
    resampled = _resampled(scores, num_resamples)
    weights = np.concatenate([np.full(v.shape[1], 1 / v.shape[1]) for v in resampled])
    samples = _weighted_iqm(np.concatenate(resampled, axis=1), weights)
    return _estimate(interquartile_mean(scores), samples)


def performance_profile(scores: Scores, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of episodes that score more than thresholds, every task weighing the same.

    Args:
        scores: Scores.
        thresholds: Shape `(N,)`.

    Returns:
        Shares, shape `(N,)`.

    Source:
        Agarwal et al., arXiv:2108.13264, section 4.2 (score distributions).
    """
    above = [(v > thresholds[:, None]).mean(axis=1) for v in _checked(scores).values()]
    return np.asarray(np.mean(above, axis=0), np.float64)


def bootstrap_profile(
    scores: Scores, thresholds: NDArray[np.float64], num_resamples: int = NUM_RESAMPLES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a 95 % interval of `performance_profile` at every threshold: low and high, `(N,)`."""
    total = np.zeros((num_resamples, len(thresholds)))
    for values in _resampled(scores, num_resamples):
        total += (values[:, :, None] > thresholds).mean(axis=1)
    low, high = np.quantile(total / len(scores), _TAILS, axis=0)
    return low, high


def bootstrap_improvement(
    scores: Scores, baseline: Scores, num_resamples: int = NUM_RESAMPLES
) -> Estimate:
    """Return `probability_of_improvement` with a 95 % interval, episodes resampled within tasks.

    Raises:
        ValueError: If the two do not hold the same tasks.
    """
    value = probability_of_improvement(scores, baseline)
    ordered = {task: baseline[task] for task in scores}
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    chances = np.zeros(num_resamples)
    for ours, theirs in zip(_checked(scores).values(), _checked(ordered).values(), strict=True):
        wins = _wins(ours, theirs)
        rows = rng.integers(len(ours), size=(num_resamples, len(ours), 1))
        columns = rng.integers(len(theirs), size=(num_resamples, 1, len(theirs)))
        chances += wins[rows, columns].mean(axis=(1, 2))
    return _estimate(value, chances / len(scores))


def probability_of_improvement(scores: Scores, baseline: Scores) -> float:
    """Return the chance that a random episode beats the baseline's, averaged over tasks.

    A tie counts one half.

    Raises:
        ValueError: If the two do not hold the same tasks.

    Source:
        Agarwal et al., arXiv:2108.13264, section 4.3 (Mann-Whitney U per task).
    """
    ours, theirs = _checked(scores), _checked(baseline)
    if ours.keys() != theirs.keys():
        different = sorted(ours.keys() ^ theirs.keys())
        raise ValueError(f"both results need the same tasks; only one has {different[0]!r}")
    return float(np.mean([_wins(values, theirs[task]).mean() for task, values in ours.items()]))


def _wins(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 where ours is larger, 0.5 where both are equal, else 0, for all pairs."""
    difference = ours[:, None] - theirs[None, :]
    return (difference > 0) + 0.5 * (difference == 0)


def _checked(scores: Scores) -> dict[str, NDArray[np.float64]]:
    if not scores:
        raise ValueError("there are no scores to average")
    checked = {task: np.asarray(values, np.float64) for task, values in scores.items()}
    for task, values in checked.items():
        if values.ndim != 1 or len(values) == 0:
            raise ValueError(f"{task}: scores have shape {values.shape}, expected (num_episodes,)")
        if not np.isfinite(values).all():
            raise ValueError(f"{task}: scores must be finite numbers")
    return checked


def _resampled(scores: Scores, num_resamples: int) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    return [
        values[rng.integers(len(values), size=(num_resamples, len(values)))]
        for values in _checked(scores).values()
    ]


def _weighted_iqm(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    upper = np.cumsum(weights[order], axis=1)
    lower = upper - weights[order]
    total = weights.sum()
    kept = np.clip(np.minimum(upper, 0.75 * total) - np.maximum(lower, 0.25 * total), 0, None)
    return np.asarray((ordered * kept).sum(axis=1) / kept.sum(axis=1), np.float64)


def _estimate(value: float, samples: NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(samples, _TAILS)
    return Estimate(value=value, low=float(low), high=float(high))
