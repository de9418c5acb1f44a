"""What a model's tokens cost, as data with its source."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens; thinking counts as answered tokens."""

    input: float
    output: float

    def of(self, *, prompt_tokens: int, answer_tokens: int) -> float:
        """Give what these tokens cost, in US dollars."""
        return (self.input * prompt_tokens + self.output * answer_tokens) / _MILLION


def price_of(model: str) -> Price:
    """Give a model's price; an unlisted model gets the highest one, so that a budget is kept rather than overrun."""
    known = prices()
    return known.get(model) or max(known.values(), key=lambda price: (price.output, price.input))


@cache
def prices() -> Mapping[str, Price]:
    """Give the prices of prices.toml by the name of their model."""
    listed = tomllib.loads(files("engine.think").joinpath("prices.toml").read_text(encoding="utf-8"))
    return {name: Price(one["input"], one["output"]) for name, one in listed.items()}
