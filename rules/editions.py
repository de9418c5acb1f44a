"""Editions of the rules: a decision is decided again by the one that it was made by.

What deciding comes to for the same facts, policy and instant changes with a new edition alone. A decision's inputs name
theirs; those of before say nothing and are of the first.
"""

FIRST = 1
"""Who was asked within the last minute of quiet or closed hours waited for a minute from then, past their end."""
CURRENT = 2
"""Who waits for an end waits for that end."""
