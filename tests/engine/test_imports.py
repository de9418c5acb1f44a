"""People from files: what can be taken is taken, what cannot is told, and the same file again changes nothing."""

import asyncio
import gzip
import json
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from engine import profiles
from engine.db import Database
from engine.imports import Imported, Refusal, Telling, import_file
from engine.imports.columns import mapping
from engine.imports.lines import MOST_OF_A_ROW
from engine.imports.write import CHUNK
from rules.errors import InvalidInput
from tests.conftest import Tenant
from tests.engine.people_files import MIXED, csv_of, many

_COUNTS = """
SELECT (SELECT count(*) FROM cdp_profiles) AS profiles, (SELECT count(*) FROM profile_address) AS addresses,
       (SELECT count(*) FROM consent) AS consents, (SELECT count(*) FROM profile_relation) AS relations
"""
_WRITTEN = """
SELECT 'profile ' || profile_id AS row, xmin::text AS written FROM cdp_profiles
UNION ALL SELECT 'address ' || address_id, xmin::text FROM profile_address
UNION ALL SELECT 'consent ' || consent_id, xmin::text FROM consent
"""


class Desk:
    """Where one tenant's files are taken in."""

    def __init__(self, db: Database, tenant: Tenant, directory: Path) -> None:
        self.db = db
        self.tenant = tenant
        self.directory = directory

    async def take(self, content: str | bytes, name: str = "people.csv", **options: Any) -> Imported:
        path = self.directory / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return await import_file(self.db, path, tenant_id=self.tenant.tenant_id, **options)

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await (await conn.execute(statement)).fetchall()

    async def counts(self) -> dict[str, int]:
        (row,) = await self.rows(_COUNTS)
        return row

    async def person(self, ext_id: str) -> profiles.Profile:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await profiles.get_profile(conn, tenant_id=self.tenant.tenant_id, ext_id=ext_id)


@pytest.fixture
def desk(db: Database, tenant: Tenant, tmp_path: Path) -> Desk:
    return Desk(db, tenant, tmp_path)


def _summary(done: Imported) -> tuple[int, int, int, int, int]:
    return done.read, done.inserted, done.updated, done.unchanged, done.refused


def _jsonl(*documents: Any) -> str:
    return "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)


async def test_vietnamese_headings_are_understood(desk: Desk) -> None:
    done = await desk.take(
        "Mã khách hàng;Họ và tên;Địa chỉ Email;Số điện thoại;Thành phố;Số đơn:number;Đồng ý;Ngày đồng ý\r\n"
        'kh-1;"Trần Thị\r\nMai";Mai@KHACH.example;0912 345 678;Huế;7;có;01/05/2026\r\n'
    )
    assert _summary(done) == (1, 1, 0, 0, 0)
    mai = await desk.person("kh-1")
    assert (mai.name, mai.attributes) == ("Trần Thị\r\nMai", {"city": "Huế", "Số đơn": 7})
    assert {(one["channel"], one["value"]) for one in mai.addresses} == {
        ("email", "mai@khach.example"),
        ("zalo_template", "+84912345678"),
    }
    (consent,) = mai.consents
    assert (consent["channel"], consent["granted"]) == (None, True)
    assert datetime.fromisoformat(consent["at"]) == datetime(2026, 4, 30, 17, tzinfo=UTC)


async def test_garbage_is_kept_with_its_reason(desk: Desk) -> None:
    done = await desk.take(csv_of("kh-1,Mai,mai@,02838222222,,,", "kh-2,Lan,lan@khach.example,0912345678,,,"))
    assert _summary(done) == (2, 2, 0, 0, 0)
    kept = await desk.rows("SELECT channel, value, reason FROM profile_address WHERE NOT valid ORDER BY channel")
    assert kept == [
        {"channel": "email", "value": "mai@", "reason": "There must be something after the @-sign."},
        {"channel": "zalo_template", "value": "02838222222", "reason": "It is a landline number."},
    ]
    assert done.invalid_addresses == {one["reason"]: 1 for one in kept}


async def test_a_name_is_one_however_it_is_composed(desk: Desk) -> None:
    whole = csv_of("kh-1,Trần Thị Mai,,,Huế,,")
    await desk.take(unicodedata.normalize("NFC", whole))
    assert (await desk.take(unicodedata.normalize("NFD", whole))).unchanged == 1
    assert (await desk.person("kh-1")).name == unicodedata.normalize("NFC", "Trần Thị Mai")


async def test_six_spellings_of_one_number_become_one_address(desk: Desk) -> None:
    spellings = ["0912345678", "+84912345678", "84 912 345 678", "(+84) 912-345-678", "0084.912.345.678", "912345678"]
    await desk.take("ext_id,phone,phone,phone,phone,phone,phone\nkh-1," + ",".join(spellings))
    assert [one["value"] for one in (await desk.person("kh-1")).addresses] == ["+84912345678"]


async def test_an_old_prefix_is_the_number_of_today(desk: Desk) -> None:
    await desk.take(csv_of("kh-1,,,01689966268,,,"))
    assert [one["value"] for one in (await desk.person("kh-1")).addresses] == ["+84389966268"]


async def test_a_dry_run_writes_nothing_and_tells_what_the_run_tells(desk: Desk) -> None:
    await desk.take(csv_of("kh-2,Lan,,,,,"))
    before = await desk.counts(), await desk.rows(_WRITTEN)
    foretold = await desk.take(MIXED, dry_run=True)
    assert (await desk.counts(), await desk.rows(_WRITTEN)) == before
    done = await desk.take(MIXED)
    assert foretold == done
    assert _summary(done) == (5, 1, 1, 0, 2)
    assert done.repeated == 1
    assert (await desk.counts()) == {"profiles": 2, "addresses": 3, "consents": 2, "relations": 0}


async def test_a_dry_run_counts_somebody_who_comes_in_two_chunks_as_the_run_does(desk: Desk) -> None:
    lines = [f"kh-{number},Mai,,,,," for number in range(CHUNK)]
    content = csv_of(*lines, "kh-0,Mai Trần,,,,,", "kh-1,Mai,,,,,")
    foretold = await desk.take(content, dry_run=True)
    assert await desk.take(content) == foretold
    assert _summary(foretold) == (CHUNK + 2, CHUNK, 1, 1, 0)


async def test_the_same_file_again_writes_no_row(desk: Desk) -> None:
    await desk.take(MIXED)
    written = await desk.rows(_WRITTEN)
    again = await desk.take(MIXED)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 2)
    assert await desk.rows(_WRITTEN) == written


async def test_refused_lines_are_named_with_their_reason_and_the_others_are_taken(desk: Desk) -> None:
    told: list[Refusal] = []
    done = await desk.take(
        csv_of(
            'kh-1,"Trần',
            'Mai",,,,,',
            "kh-2,Lan,,,,perhaps,",
            "",
            ",,,,,,",
            "kh-3,cut",
            ",Hoa,,,,,",
            "kh-4,Lan,,,,yes,13/13/2026",
            "kh-5,Lan,,,,yes,2999-01-01",
            f"{'x' * 300},Lan,,,,,",
            'kh-6,"Lan" Anh,,,,,',
            "kh-7,Hà,,,,,,,",
        ).encode()
        + b"kh-8,\xff\xfe,,,,,\n"
        + b"kh-9,Ha\n".replace(b"\n", b",,,,,\n"),
        telling=Telling(refused=told.append),
    )
    assert _summary(done) == (11, 3, 0, 0, 8)
    assert done.refusals == told
    assert {one.line: one.reason for one in told} == {
        4: "In the column 'consent_email', 'perhaps': it is neither yes nor no.",
        7: "It has 2 cells, the headings are 7.",
        8: "It has no ext_id.",
        9: "In the column 'consent_at', '13/13/2026': it is no date; write 2025-12-31 or 31/12/2025.",
        10: "Profile 'kh-5' has a consent from the future, 2999-01-01T00:00:00+07:00.",
        11: "Profile 1 has no usable ext_id.",
        12: "It cannot be read as CSV: ',' expected after '\"'.",
        14: "It cannot be read as CSV: it is not UTF-8.",
    }
    assert told[-1].original == "kh-8,\\udcff\\udcfe,,,,,"
    assert {row["ext_id"] for row in await desk.rows("SELECT ext_id FROM cdp_profiles")} == {"kh-1", "kh-7", "kh-9"}


async def test_a_quotation_mark_that_is_never_closed_costs_its_own_line_alone(desk: Desk) -> None:
    many_lines = [f"kh-{number},Hoa,,,,," for number in range(3, 3 + 2 * MOST_OF_A_ROW)]
    done = await desk.take(csv_of("kh-1,Mai,,,,,", 'kh-2,"Lan,,,,,', *many_lines, 'kh-x,"Hà,,,,,', "kh-y,Hoa,,,,,"))
    assert _summary(done) == (len(many_lines) + 4, len(many_lines) + 2, 0, 0, 2)
    reason = "It cannot be read as CSV: a quotation mark is opened and not closed."
    assert [(one.line, one.reason) for one in done.refusals] == [(3, reason), (len(many_lines) + 4, reason)]


async def test_two_lines_with_a_stray_quotation_mark_take_nobody_between_them_along(desk: Desk) -> None:
    done = await desk.take(csv_of('kh-1,"Mai,,,,,', "kh-2,Lan,,,,,", 'kh-3,Hoa,,,Huế",,', "kh-4,Hà,,,,,"))
    assert [one.line for one in done.refusals] == [2]
    assert {row["ext_id"] for row in await desk.rows("SELECT ext_id FROM cdp_profiles")} == {"kh-2", "kh-3", "kh-4"}


async def test_a_line_without_end_is_passed_over(desk: Desk) -> None:
    endless = '{"ext_id": "kh-2", "name": "' + "x" * 3_000_000 + '"}\n'
    done = await desk.take(_jsonl({"ext_id": "kh-1"}) + endless + _jsonl({"ext_id": "kh-3"}), "people.jsonl")
    assert _summary(done) == (3, 2, 0, 0, 1)
    (refusal,) = done.refusals
    assert (refusal.line, len(refusal.original)) == (2, 500)
    assert "longer than" in refusal.reason


async def test_columns_that_a_file_has_not_and_empty_cells_leave_what_is_known(desk: Desk) -> None:
    person = {
        "ext_id": "kh-1",
        "name": "Mai",
        "attributes": {"tier": "vàng", "city": "Huế"},
        "addresses": [{"channel": "telegram", "value": "7"}, {"channel": "email", "value": "old@khach.example"}],
    }
    await desk.take(_jsonl(person), "people.jsonl")
    await desk.rows(
        "UPDATE profile_address SET valid = false, reason = 'bounced' WHERE channel = 'telegram' RETURNING 1"
    )
    await desk.take(csv_of("kh-1,,new@khach.example,,Đà Nẵng,,"))
    mai = await desk.person("kh-1")
    assert (mai.name, mai.attributes) == ("Mai", {"tier": "vàng", "city": "Đà Nẵng"})
    assert {(one["channel"], one["value"], one["reason"]) for one in mai.addresses} == {
        ("telegram", "7", "bounced"),
        ("email", "new@khach.example", None),
    }


async def test_an_undated_yes_never_undoes_what_a_person_said(desk: Desk) -> None:
    withdrawn = {"channel": None, "granted": False, "at": "2026-05-01T00:00:00Z"}
    await desk.take(_jsonl({"ext_id": "kh-1", "consents": [withdrawn]}, {"ext_id": "kh-2"}), "people.jsonl")
    await desk.take(csv_of("kh-1,,,,,yes,", "kh-2,,,,,yes,"))
    assert [one["granted"] for one in (await desk.person("kh-1")).consents] == [False]
    assert [one["granted"] for one in (await desk.person("kh-2")).consents] == [True]
    await desk.take(csv_of("kh-2,,,,,no,"))
    assert [one["granted"] for one in (await desk.person("kh-2")).consents] == [False]
    await desk.take(csv_of("kh-1,,,,,yes,2026-06-01"))
    assert True in [one["granted"] for one in (await desk.person("kh-1")).consents]


async def test_headings_can_say_what_an_attribute_holds(desk: Desk) -> None:
    done = await desk.take(
        "ext_id\torders:number\tvip:bool\tjoined:date\tlikes:list\tnote: x\tspent\n"
        "kh-1\t-1.5\tKhông\t3/2/2026\ttrà, cà phê ;\thi\t007\n"
        "kh-2\t1.000,5\t\t\t\t\t\n"
    )
    assert (await desk.person("kh-1")).attributes == {
        "orders": -1.5,
        "vip": False,
        "joined": "2026-02-03",
        "likes": ["trà", "cà phê"],
        "note: x": "hi",
        "spent": "007",
    }
    assert [one.reason for one in done.refusals] == ["In the column 'orders:number', '1.000,5': it is no number."]


async def test_a_file_of_columns_says_what_headings_stand_for(desk: Desk) -> None:
    mapped = mapping('"Mã" = "ext_id"\n"Di động chính" = "phone"\n"Đơn" = "orders:number"\n"Nội bộ" = ""\n')
    await desk.take("Mã|Di động chính|Đơn|Nội bộ\nkh-1|0912345678|3|x\n", mapped=mapped)
    mai = await desk.person("kh-1")
    assert (mai.attributes, mai.addresses[0]["value"]) == ({"orders": 3}, "+84912345678")


@pytest.mark.parametrize(
    ("content", "mapped", "told"),
    [
        ("", None, "no line of headings"),
        ("name,email\nMai,x\n", None, "ext_id"),
        ("ext_id,Họ tên,Full name\nx\n", None, "'Họ tên' and 'Full name' are both name"),
        ("ext_id,city,Thành phố\nx\n", None, "city"),
        ("ext_id,a,a\nx\n", None, "both a"),
        ("ext_id,a\nx\n", {"b": "name"}, "no column 'b'"),
        ('ext_id,"a\n', None, "cannot be read"),
        ("ext_id,a\n".encode("utf-16"), None, "not UTF-8"),
    ],
)
async def test_headings_that_cannot_be_used_are_told_before_anything_is_read(
    desk: Desk, content: str | bytes, mapped: dict[str, str] | None, told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        await desk.take(content, mapped=mapped)


@pytest.mark.parametrize("content", ['"a" = 3', "[x]\na = 1", '"a"', "= "])
def test_a_file_of_columns_that_cannot_be_read_is_told(content: str) -> None:
    with pytest.raises(InvalidInput, match="column"):
        mapping(content)


async def test_the_delimiter_can_be_named_and_the_file_packed(desk: Desk) -> None:
    content = "\ufeffsep=;\next_id;a,b,c,d\nkh-1;x\n"
    done = await desk.take(gzip.compress(content.encode()), "people.csv.gz")
    assert done.inserted == 1
    assert (await desk.person("kh-1")).attributes == {"a,b,c,d": "x"}
    with pytest.raises(InvalidInput, match="cannot be read"):
        await desk.take(gzip.compress(content.encode())[:-9], "people.csv.gz")


async def test_json_lines_are_the_documents_of_the_api(desk: Desk) -> None:
    lines = [
        _jsonl({"ext_id": "kh-1", "relations": [{"kind": "KNOWS", "key": "kh-2"}]}, {"ext_id": "kh-2", "name": "Lan"}),
        '{"ext_id": "kh-3", "attributes": {"a": NaN}}\n',
        '{"ext_id": "kh-3", "attributes": {"a": "\\ud800"}}\n',
        '{"ext_id": "kh-3", "name": "Mai\n',
        "[]\n",
        "\n",
        "[" * 100_000 + "\n",
        _jsonl({"ext_id": "kh-4", "relations": [{"kind": "KNOWS", "key": "kh-9"}]}),
        _jsonl({"ext_id": "kh-5", "relations": [{"kind": "KNOWS", "key": "kh-4"}]}, {"ext_id": "kh-6", "id": 1}),
        _jsonl({"ext_id": "kh-7", "addresses": [{"channel": [], "value": "x"}]}, {"name": "Mai"}),
    ]
    done = await desk.take("".join(lines), "people.ndjson")
    assert _summary(done) == (12, 2, 0, 0, 10)
    assert "'kh-9', who is no profile" in " ".join(one.reason for one in done.refusals)
    assert {row["ext_id"] for row in await desk.rows("SELECT ext_id FROM cdp_profiles")} == {"kh-1", "kh-2"}
    assert (await desk.counts())["relations"] == 1


async def test_two_lines_of_a_person_count_as_one_after_the_other(desk: Desk) -> None:
    at = "2026-05-01T00:00:00Z"
    one = {
        "ext_id": "kh-1",
        "name": "Mai",
        "attributes": {"a": 1},
        "consents": [{"channel": None, "granted": True, "at": at}],
    }
    two = {"ext_id": "kh-1", "attributes": {"b": 2}, "addresses": None, "consents": None}
    done = await desk.take(_jsonl(one, two), "people.jsonl")
    assert (_summary(done), done.repeated) == ((2, 1, 0, 0, 0), 1)
    mai = await desk.person("kh-1")
    assert (mai.name, mai.attributes, len(mai.consents)) == ("Mai", {"b": 2}, 1)


_CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


@trials(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["kh-1", "kh-2", "kh-3"]), _CELLS, _CELLS), max_size=6))
async def test_any_cells_come_in_or_are_told(desk: Desk, rows: list[tuple[str, str, str]]) -> None:
    quoted = ["ext_id,email,note", *(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)]
    done = await desk.take("\n".join(quoted))
    assert done.read == len(rows)
    assert done.inserted + done.updated + done.unchanged + done.repeated + done.refused == done.read
    again = await desk.take("\n".join(quoted))
    assert (again.inserted, again.updated) == (0, 0)


async def test_a_file_that_is_stopped_halfway_leaves_whole_chunks(desk: Desk) -> None:
    reached = asyncio.Event()
    content = "\n".join(many(5 * CHUNK))

    def stop(done: Imported) -> None:
        if done.inserted == 2 * CHUNK:
            reached.set()
            task.cancel()

    task = asyncio.create_task(desk.take(content, telling=Telling(written=stop)))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reached.is_set()
    assert (await desk.counts())["profiles"] == 2 * CHUNK
    done = await desk.take(content)
    assert (done.inserted, done.unchanged) == (3 * CHUNK, 2 * CHUNK)
