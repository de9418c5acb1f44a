"""HTTP only: requests in, problems or answers out; no SQL and no rule lives here."""
