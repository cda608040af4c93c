"""The dynamics of the games: numbers only, no drawing."""
