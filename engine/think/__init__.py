"""Asking a model: to choose among eligible calls, or to turn a person's words into calls of tools."""
