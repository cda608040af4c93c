"""`python -m newt_agent.ship RUN`: put a run's checkpoint into the package, in 16 bit."""

import argparse
import dataclasses

import torch

from newt_agent.checkpoint import SHIPPED_WEIGHTS, load_checkpoint, save_checkpoint

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="folder of the run, or of a checkpoint")
    parser.add_argument("--plays", choices=("plan", "policy"), help="how it is played by default")
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.run)
    # Where training goes on, target networks begin as copies: that saves a quarter of the file.
    checkpoint = dataclasses.replace(
        checkpoint, target_q={}, plays=arguments.plays or checkpoint.plays
    )
    save_checkpoint(SHIPPED_WEIGHTS, checkpoint, dtype=torch.float16)
