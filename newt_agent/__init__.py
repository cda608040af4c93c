"""Newt: the language-conditioned world model."""
