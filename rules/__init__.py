"""Pure words and decisions: no I/O, no clock, no randomness; time and chance come in as arguments."""
