"""Editions of the rules: a past decision is decided again under the edition it was made with.

The result for the same facts, policy and instant changes only with a new edition. A decision's inputs name the edition;
decisions from before editions existed name none and belong to the first.
"""

FIRST = 1
"""Asked during the last minute of quiet or closed hours, a person waited a full minute and so past their end."""
CURRENT = 2
"""A wait for the end of quiet or closed hours ends exactly then."""
