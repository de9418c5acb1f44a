"""Emulators of Zalo and of Facebook's Graph API: people who were heard of or not, tokens that end, the real errors."""
