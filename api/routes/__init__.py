"""The endpoints, one module per tag; each endpoint calls the engine once and reports the result."""
