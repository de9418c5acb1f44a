"""The keys of LEO_CREDENTIAL_KEY: one, or several separated by commas while it is being changed, the newest first."""

import hashlib


def split_keys(text: str) -> list[str]:
    """Give the keys of LEO_CREDENTIAL_KEY, the newest first."""
    return [key.strip() for key in text.split(",") if key.strip()]


def name_of(key: str) -> str:
    """Give a name for a key that does not reveal it; the name is stored with what the key sealed."""
    return hashlib.sha256(b"leo credential key " + key.encode()).hexdigest()[:12]
