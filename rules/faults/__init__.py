"""What is wrong with something sent or stored, in any language: a kind, a place and values.

Every kind has one sentence per language. Whoever refuses something names the kind, so nobody has to parse a sentence to
recognise it.
"""

from rules.faults.fault import SENTENCES, Fault, Value, in_policy, in_rule
from rules.faults.said import Said

__all__ = ["SENTENCES", "Fault", "Said", "Value", "in_policy", "in_rule"]
