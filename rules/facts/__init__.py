"""What is known about one person and one campaign at the instant of deciding: everything `decide` may look at.

Everything converts to a JSON document and back without loss, so that a stored decision can be replayed.
"""

from rules.consent import Consent
from rules.facts.facts import Facts
from rules.facts.offer import Campaign, Candidate, Template, candidates
from rules.facts.parts import Address, Budget, Contact, Failed, Lack, Neighbourhood, Reached, Rival, Suppression, Tie

__all__ = [
    "Address",
    "Budget",
    "Campaign",
    "Candidate",
    "Consent",
    "Contact",
    "Facts",
    "Failed",
    "Lack",
    "Neighbourhood",
    "Reached",
    "Rival",
    "Suppression",
    "Template",
    "Tie",
    "candidates",
]
