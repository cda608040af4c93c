"""The ten simulators, one folder each, alike inside.

`tasks.py` (rows of data) and `adapter.py` (the simulator); `rewards.py` wherever the equations are
ours, `assets/` where models are. Meta-World's rewards are its package's, Atari's its games', and
MiniArcade has a file per game with all its rules in `miniarcade/games`. Other packages add domains
through the entry-point group `mmbench.domains`.
"""
