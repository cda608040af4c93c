"""`python -m newt_agent.ship RUN`: put a run's checkpoint into the package, in 16 bit."""

import sys

import torch

from newt_agent.checkpoint import SHIPPED_WEIGHTS, load_checkpoint, save_checkpoint

if __name__ == "__main__":
    save_checkpoint(SHIPPED_WEIGHTS, load_checkpoint(sys.argv[1]), dtype=torch.float16)
