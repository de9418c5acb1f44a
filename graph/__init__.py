"""Everything that speaks to Apache AGE: Cypher files, the mirror, traces, exports."""
