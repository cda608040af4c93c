"""Agents that Newt is compared with, one readable file each."""
