"""Emulators of Zalo and of Facebook's Graph API: people who were heard of or not, expiring tokens, the real errors."""
