"""Taking people, segments and events in from a CDP's ArangoDB: `sources` knows where from, `sync` does it."""
