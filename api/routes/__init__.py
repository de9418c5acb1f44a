"""The endpoints, a module for each tag; each endpoint calls the engine once and says what came of it."""
