"""What is wrong with something that was sent or stored, said in any language: a kind, a place, values.

Each kind has one sentence a language. Whoever refuses names the kind: nobody has to read a sentence to know it.
"""

from rules.faults.fault import SENTENCES, Fault, Value, in_policy, in_rule
from rules.faults.said import Said

__all__ = ["SENTENCES", "Fault", "Said", "Value", "in_policy", "in_rule"]
