"""Evaluation: how often a model turns requests into the right calls, and what of past tasks it may be trained on."""
