"""`leo load`: k6 against a throw-away site, its backlog watched meanwhile, and a report of what it stood."""
