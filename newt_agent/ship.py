"""`python -m newt_agent.ship RUN`: put a run's checkpoint into the package, in 16 bit."""

import argparse
import dataclasses

import torch

from mmbench.registry import get_suite
from newt_agent.checkpoint import SHIPPED_WEIGHTS, load_checkpoint, save_checkpoint
from newt_agent.choosing import choose_plays

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="folder of the run, or of a checkpoint")
    parser.add_argument("--plays", choices=("plan", "policy"), help="how it is played by default")
    parser.add_argument(
        "--choose-episodes", type=int, default=0, help="per task and way to play, on training seeds"
    )
    parser.add_argument("--choose-suites", nargs="*", default=["full"], help="tasks to choose for")
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.run)
    # Where training goes on, target networks begin as copies: that saves a quarter of the file.
    checkpoint = dataclasses.replace(
        checkpoint, target_q={}, plays=arguments.plays or checkpoint.plays
    )
    if arguments.choose_episodes:
        checkpoint = choose_plays(
            checkpoint,
            episodes=arguments.choose_episodes,
            tasks=[name for suite in arguments.choose_suites for name in get_suite(suite)],
            on_progress=lambda progress: print(progress, flush=True),
        )
        print({name for name, plays in checkpoint.plays_by_task.items() if plays == "plan"})
    save_checkpoint(SHIPPED_WEIGHTS, checkpoint, dtype=torch.float16)
