"""Newt's equations written down plainly, and what the fast ones gain over them."""
