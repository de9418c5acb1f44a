"""Files of people for the tests of importing."""

from collections.abc import Iterator

HEADINGS = "ext_id,name,email,phone,city,consent_email,consent_at"


def csv_of(*lines: str) -> str:
    return "\n".join([HEADINGS, *lines, ""])


MIXED = csv_of(
    "kh-1,Mai,mai@khach.example,0912345678,Huế,yes,2026-05-01",
    "kh-2,Lan,lan@,,Đà Nẵng,no,",
    "kh-3,Hoa,,,,maybe,",
    "kh-1,Mai Trần,,,,,",
    ",nobody,,,,,",
)


def many(number: int) -> Iterator[str]:
    yield HEADINGS
    for one in range(number):
        yield f"kh-{one},Mai {one},mai.{one}@khach.example,0912{one:06},Huế,yes,2026-05-01"
