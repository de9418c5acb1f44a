"""Emulators of the providers: they speak the real wire, record what they got and send outcomes back."""
