"""Scores worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench import scoring

SCORES = {"a": np.array([0.0, 1.0]), "b": np.array([0.25, 0.75]), "c": np.array([1.0, 1.0])}


def test_means_weigh_tasks_alike() -> None:
    assert scoring.task_means(SCORES) == {"a": 0.5, "b": 0.5, "c": 1.0}
    assert scoring.mean_score(SCORES) == pytest.approx(2 / 3)
    uneven = {"a": np.array([1.0]), "b": np.zeros(99)}
    assert scoring.mean_score(uneven) == 0.5
    assert scoring.domain_means(SCORES, {"a": "x", "b": "x", "c": "y"}) == {"x": 0.5, "y": 1.0}


def test_interquartile_mean_is_of_the_middle_half() -> None:
    # Sorted 0, .25, .75, 1, 1, 1: a quarter of six values is 1.5, so the middle half is
    # half of .25, all of .75 and 1, and half of 1: (.125 + .75 + 1 + .5) / 3.
    assert scoring.interquartile_mean(SCORES) == pytest.approx(2.375 / 3)
    assert scoring.interquartile_mean({"a": np.array([0.0, 0.2, 0.4, 1.0])}) == pytest.approx(0.3)


def test_interquartile_mean_weighs_tasks_alike() -> None:
    # Task a counts as much as b: weights 1 and four quarters. Total 2, the middle is 0.5 to 1.5:
    # sorted b's zeros (1 in all), then a's one: half zeros, half ones.
    scores = {"a": np.array([1.0]), "b": np.zeros(4)}
    assert scoring.interquartile_mean(scores) == pytest.approx(0.5)


def test_probability_of_improvement_counts_ties_half() -> None:
    ours = {"a": np.array([0.5, 1.0]), "b": np.array([0.0])}
    theirs = {"a": np.array([0.5, 0.0]), "b": np.array([1.0])}
    # a: pairs (.5,.5) tie, (.5,0) win, (1,.5) win, (1,0) win: 3.5 / 4; b: 0.
    assert scoring.probability_of_improvement(ours, theirs) == pytest.approx(3.5 / 8)
    with pytest.raises(ValueError, match="same tasks"):
        scoring.probability_of_improvement(ours, {"a": np.array([1.0])})


def test_an_interval_of_improvement_holds_its_value() -> None:
    rng = np.random.default_rng(0)
    ours = {name: 0.3 + 0.7 * rng.random(10) for name in "ab"}
    theirs = {name: rng.random(10) for name in "ba"}  # tasks in another order
    found = scoring.bootstrap_improvement(ours, theirs)
    assert found.value == scoring.probability_of_improvement(ours, theirs)
    assert 0.3 < found.low < found.value < found.high < 0.9
    certain = scoring.bootstrap_improvement({"a": np.ones(3)}, {"a": np.zeros(3)})
    assert (certain.low, certain.value, certain.high) == (1, 1, 1)


def test_a_performance_profile_is_the_share_of_episodes_above() -> None:
    thresholds = np.array([-0.1, 0.0, 0.5, 1.0])
    # Above 0: half of a, all of b and c; above 0.5: half of a, half of b, all of c.
    expected = [1, 2.5 / 3, 2 / 3, 0]
    np.testing.assert_allclose(scoring.performance_profile(SCORES, thresholds), expected)
    low, high = scoring.bootstrap_profile(SCORES, thresholds)
    # Two episodes of a drawn anew lie above 0 never, once or twice.
    np.testing.assert_allclose(low, [1, 2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(high, [1, 1, 1, 0])


def test_tasks_weigh_alike_in_a_profile() -> None:
    uneven = {"a": np.array([1.0]), "b": np.zeros(99)}
    np.testing.assert_allclose(scoring.performance_profile(uneven, np.array([0.5])), [0.5])


def test_bootstrap_is_reproducible_and_covers_the_mean() -> None:
    rng = np.random.default_rng(0)
    scores = {name: rng.random(10) for name in "abcd"}
    first, second = scoring.bootstrap_mean(scores), scoring.bootstrap_mean(scores)
    assert first == second
    assert first.low < first.value < first.high
    # Standard error of the mean of 40 uniform numbers is sqrt(1/12/40) = 0.0456.
    assert first.high - first.low == pytest.approx(2 * 1.96 * 0.0456, rel=0.3)
    certain = scoring.bootstrap_iqm({"a": np.ones(5)})
    assert (certain.low, certain.value, certain.high) == (1.0, 1.0, 1.0)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=3),
        st.lists(st.floats(0, 1), min_size=1, max_size=6),
        min_size=1,
        max_size=5,
    )
)
def test_aggregates_stay_between_the_extremes(raw: dict[str, list[float]]) -> None:
    scores = {name: np.array(values) for name, values in raw.items()}
    values = np.concatenate(list(scores.values()))
    for found in (scoring.mean_score(scores), scoring.interquartile_mean(scores)):
        assert values.min() - 1e-9 <= found <= values.max() + 1e-9
    assert scoring.probability_of_improvement(scores, scores) == pytest.approx(0.5)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="no scores"):
        scoring.mean_score({})
    with pytest.raises(ValueError, match=r"shape \(1, 2\)"):
        scoring.task_means({"a": np.zeros((1, 2))})
    with pytest.raises(ValueError, match="finite"):
        scoring.task_means({"a": np.array([np.nan])})
