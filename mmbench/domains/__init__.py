"""The ten simulators, one folder each: `tasks.py` (data), `adapter.py` (the simulator)."""
