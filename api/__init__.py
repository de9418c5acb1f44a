"""HTTP only: requests in, answers or problems out; no SQL and no rules in here."""
