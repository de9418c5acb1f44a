"""`leo load`: k6 against a throw-away site, with its backlog watched, and a report of what the site withstood."""
