"""The shell around the rules: gather, decide, store, act; settings, servers, workers and the command line."""
