"""The customers of a real e-mail test (Kevin Hillstrom's MineThatData challenge, 2008), read if its file is given.

Columns: customer, recency, history_segment, history, mens, womens, zip_code, newbie, channel, segment, visit,
conversion, spend. `segment` is what a customer had been sent; the last three are what they did in the two weeks after.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from rules.errors import InvalidInput, cause

COLUMNS = (
    "customer", "recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel", "segment",
    "visit", "conversion", "spend",
)  # fmt: skip
# What the test sent, by arm; the last was its control group.
ARMS = ("Mens E-Mail", "Womens E-Mail", "No E-Mail")
CONTROL = "No E-Mail"


@dataclass(frozen=True, slots=True)
class Customer:
    key: str
    arm: str
    attributes: Mapping[str, Any]
    visited: bool
    bought: bool
    spend: float

    @property
    def address(self) -> str:
        return f"{self.key.lower()}@hillstrom.example"

    @property
    def outcomes(self) -> list[str | dict[str, Any]]:
        """The customer's recorded outcomes, in the form in which the sandbox reports them."""
        said: list[str | dict[str, Any]] = ["delivered"]
        if self.visited:
            said.append("visited")
        if self.bought:
            said.append({"type": "bought", "value": self.spend})
        return said


def read(path: Path) -> list[Customer]:
    """Read the file, gzipped or not. Raises InvalidInput naming the line and column that cannot be read."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            customers = list(_rows(file, path.name))
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InvalidInput(
            f"{path} cannot be read: {cause(error)}.", remedy="Give the CSV file of customers, gzipped or not."
        ) from error
    if not customers:
        raise InvalidInput(f"{path} holds no customers.", remedy="Give a file with a header and at least one line.")
    return customers


def _rows(file: TextIO, name: str) -> Iterator[Customer]:
    reader = csv.DictReader(file, strict=True)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise InvalidInput(
            f"{name} lacks the columns {', '.join(missing)}.",
            remedy="See docs/quickstart.md, customers of a real test.",
        )
    seen: set[str] = set()
    try:
        for row in reader:
            customer = _customer(row, f"{name}, line {reader.line_num}")
            if customer.key in seen:
                raise InvalidInput(
                    f"{name}, line {reader.line_num}: customer {customer.key} is there twice.", remedy="Remove one."
                )
            seen.add(customer.key)
            yield customer
    except csv.Error as error:
        raise InvalidInput(f"{name}, line {reader.line_num}: {error}.", remedy="Repair the line.") from error


def _customer(row: Mapping[str, Any], where: str) -> Customer:
    if None in row or None in row.values():
        raise InvalidInput(f"{where}: it has not {len(COLUMNS)} fields.", remedy="Repair the line.")
    if row["segment"] not in ARMS:
        raise InvalidInput(f"{where}: segment is {row['segment']!r}.", remedy=f"It must be one of {', '.join(ARMS)}.")
    try:
        return Customer(
            key=row["customer"],
            arm=row["segment"],
            attributes={
                "arm": row["segment"],
                "recency": int(row["recency"]),
                "history_segment": row["history_segment"],
                "history": float(row["history"]),
                "mens": _flag(row["mens"]),
                "womens": _flag(row["womens"]),
                "area": row["zip_code"],
                "newbie": _flag(row["newbie"]),
                "bought_through": row["channel"],
            },
            visited=_flag(row["visit"]),
            bought=_flag(row["conversion"]),
            spend=float(row["spend"]),
        )
    except ValueError as error:
        raise InvalidInput(f"{where}: {error}.", remedy="Repair the line.") from error


def _flag(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def profile(customer: Customer, *, now: datetime) -> dict[str, Any]:
    """Give a customer in the form that `POST /profiles` takes; the test's people had agreed to receive e-mail."""
    return {
        "ext_id": customer.key,
        "locale": "en",
        "attributes": dict(customer.attributes),
        "addresses": [{"channel": "email", "value": customer.address}],
        "consents": [
            {
                "channel": "email",
                "purpose": "marketing",
                "granted": True,
                "at": (now - timedelta(days=30 * customer.attributes["recency"])).isoformat(),
            }
        ],
    }
