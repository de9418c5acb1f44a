"""A value that one of our filters cannot write, by kind."""

from rules.faults import Fault, Value


class Unfit(ValueError):
    """`kind` is one of rules/faults/templates.py without `filter.`; `fault` is the same, for any language."""

    def __init__(self, kind: str, **values: Value) -> None:
        self.fault = Fault(f"filter.{kind}", "", values)
        super().__init__(self.fault.say().en)
