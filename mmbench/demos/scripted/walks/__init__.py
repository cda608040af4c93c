"""How robots walk, a file per robot; what they share is in `gait`."""
