"""The customers of the real e-mail test are read as they are, and a broken file is one sentence with its line."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from engine.demo.hillstrom import COLUMNS, CONTROL, read
from rules.errors import InvalidInput

REAL = Path(__file__).parents[3] / "shared" / "data" / "hillstrom.csv.gz"
LINE = "H1,10,2) $100 - $200,142.44,1,0,Surburban,0,Phone,Womens E-Mail,1,1,29.99"
HEADER = ",".join(COLUMNS)


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_line_is_a_customer(tmp_path: Path) -> None:
    (customer,) = read(written(tmp_path / "a.csv", HEADER, LINE))
    assert (customer.key, customer.arm, customer.visited, customer.bought, customer.spend) == (
        "H1",
        "Womens E-Mail",
        True,
        True,
        29.99,
    )
    assert customer.attributes["history"] == 142.44


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "lacks the columns"),
        (("customer,recency",), "lacks the columns"),
        ((HEADER,), "holds no customers"),
        ((HEADER, LINE, "H2,ten"), r"line 3: it has not 13 fields"),
        ((HEADER, LINE.replace(",10,", ",ten,")), "line 2: invalid literal"),
        ((HEADER, LINE.replace("Womens E-Mail", "SMS")), "line 2: segment is 'SMS'"),
        ((HEADER, LINE.replace(",1,1,29.99", ",2,1,29.99")), "line 2: '2' is neither 0 nor 1"),
        ((HEADER, LINE, LINE), "line 3: customer H1 is there twice"),
        ((HEADER, LINE + ',"'), "unexpected end of data"),
    ],
)
def test_a_broken_file_names_the_line_and_the_fault(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read(written(tmp_path / "a.csv", *lines))


def test_a_file_that_is_no_gzip_or_not_there_is_told(tmp_path: Path) -> None:
    why = {
        written(tmp_path / "a.csv.gz", HEADER, LINE): "Not a gzipped file",
        tmp_path / "none.csv": "No such file or dir",
    }
    for path, words in why.items():
        with pytest.raises(InvalidInput, match=rf"{path.name} cannot be read: {words}"):
            read(path)


def test_a_cut_gzip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(
        gzip.compress("\n".join([HEADER, *(LINE.replace("H1", f"H{i}") for i in range(99))]).encode())[:-20]
    )
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(path)


@pytest.mark.skipif(not REAL.exists(), reason="the file of the real e-mail test is not beside this checkout")
def test_the_real_file_holds_32_000_customers_in_three_arms() -> None:
    arms = Counter(customer.arm for customer in read(REAL))
    assert sum(arms.values()) == 32_000
    assert arms[CONTROL] == 10_609
