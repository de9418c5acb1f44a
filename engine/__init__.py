"""The shell around the rules: gather, decide, store, act; and settings, servers, workers and the command line."""
