"""A value that a filter of ours cannot write, by its kind."""

from rules.faults import Fault, Value


class Unfit(ValueError):
    """`kind` is one of rules/faults/templates.py without `filter.`; `fault` is the same, for any language."""

    def __init__(self, kind: str, **values: Value) -> None:
        self.fault = Fault(f"filter.{kind}", "", values)
        super().__init__(self.fault.say().en)
