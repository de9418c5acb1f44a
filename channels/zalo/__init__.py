"""Zalo: consultation messages of an Official Account, template messages, and what Zalo reports back."""
