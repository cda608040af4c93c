"""The clock in the observation."""

import numpy as np

from mmbench.demos.clock import Clock, clock_rates, timed

TASKS = ("walker-run", "mujoco-walker")


def test_tasks_that_are_walked_have_a_clock() -> None:
    rates = clock_rates(TASKS, 128)
    # 1.5 Hz times exp(0.4 x -0.2935...) at 0.016 s a step: 0.2254 rad.
    np.testing.assert_allclose(rates, [0, 0.2254], atol=1e-4)
    assert not clock_rates(TASKS, 18).any()  # 17 entries leave no room for two


def test_the_clock_begins_anew_with_every_episode() -> None:
    rates = clock_rates(TASKS, 128)
    clock = Clock(rates)
    obs = np.full((2, 128), 7, np.float32)
    none, both = np.array([False, False]), np.array([True, True])
    for first, step in ((both, 0), (none, 1), (none, 2), (both, 0), (none, 1)):
        shown = clock(obs, first)
        np.testing.assert_array_equal(shown[0], obs[0])
        np.testing.assert_array_equal(shown[1, :-2], obs[1, :-2])
        angle = step * rates[1]
        np.testing.assert_allclose(shown[1, -2:], [np.cos(angle), np.sin(angle)], atol=1e-6)
    assert (obs == 7).all()


def test_an_episode_shows_what_the_agent_sees() -> None:
    rates = clock_rates(TASKS, 128)
    obs = np.random.default_rng(0).normal(size=(6, 17)).astype(np.float32)
    clock = Clock(rates[1:])
    seen = [clock(np.pad(row, (0, 111))[None], np.array([i == 0]))[0] for i, row in enumerate(obs)]
    np.testing.assert_array_equal(timed(obs, float(rates[1]), 128), seen)
    assert timed(obs, 0.0, 128) is obs
