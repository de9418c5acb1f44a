"""How much one query may take: what Neo4j Browser shows by default, and what keeps the server answering."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Rows, nodes drawn and neighbours as in Neo4j Browser (neo4j.com/docs/browser-manual, settings; 2026-11-23).

    `octets` is what a result's text may have, `time_s` how long a query may run, `grace_s` how long the server has to
    end it once it was told to.
    """

    rows: int = 1_000
    nodes: int = 300
    neighbours: int = 100
    octets: int = 4_194_304
    time_s: float = 30.0
    grace_s: float = 2.0

    @property
    def longest_s(self) -> float:
        """After so long nobody waits for a query any more, whatever became of it."""
        return self.time_s + 3 * self.grace_s + 24


LIMITS = Limits()
# Parameters are given as JSON: so many octets of it, texts of so many characters, lists of so many values.
MOST_PARAMETER_OCTETS = 16_384
LONGEST_TEXT = 255
MOST_LISTED = 1_000
