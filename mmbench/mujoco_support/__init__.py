"""What the MuJoCo-based domains share: exact snapshots and pictures."""
