"""Hand-written experts, a module per domain; each has `build(env)`, called after every reset."""
