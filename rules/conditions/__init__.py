"""A segment's rule: a tree of conditions, read from JSON, tested against a person, explained, and put into words."""

from rules.conditions.explain import Explained
from rules.conditions.phrases import Language
from rules.conditions.rule import ANY_EVENT, Rule, parse
from rules.conditions.schema import JSON_SCHEMA

__all__ = ["ANY_EVENT", "JSON_SCHEMA", "Explained", "Language", "Rule", "parse"]
