"""Identity: who may be one person is found, merged and un-merged, and history stays where it was."""

import pytest

from engine import events, identity
from engine.db import Database
from engine.identity.duplicates import COUNTABLE, ONE_PERSON, Found
from rules.errors import Conflict, InvalidInput, NotFound
from tests.conftest import Tenant
from tests.engine.identities import People
from tests.engine.world import simple_world


@pytest.fixture
def people(db: Database, tenant: Tenant) -> People:
    return People(db, tenant)


async def test_profiles_that_share_an_address_are_proposed_as_a_star(people: People) -> None:
    await people.have(
        a=["email:lan@khach.example", "zalo_template:+84912345678"],
        b=["email:Lan@Khach.example"],
        c=["email:lan@khach.example", "zalo_oa:7700000000000000"],
        d=["zalo_template:0912345678"],
        e=["zalo_oa:7800000000000000", "telegram:5"],
        f=["telegram:5"],
    )
    found = await people.find()
    assert found == Found(new=3, withdrawn=0, crowds=())
    assert await people.pairs() == [
        ("a", "b", "email", "proposed"),
        ("a", "c", "email", "proposed"),
        ("a", "d", "zalo_template", "proposed"),
    ]
    assert await people.graph_differences() == 0
    assert (await people.find()).new == 0


async def test_an_address_that_is_not_valid_tells_nothing(people: People) -> None:
    ids = await people.have(a=["email:lan@khach.example"], b=["email:lan@khach.example"])
    await people.rows("UPDATE profile_address SET valid = false, reason = 'gone' WHERE profile_id = %(p)s", p=ids["a"])
    assert (await people.find()).new == 0


async def test_only_the_people_asked_for_are_looked_at(people: People) -> None:
    ids = await people.have(
        a=["email:a@khach.example"],
        b=["email:a@khach.example"],
        c=["email:c@khach.example"],
        d=["email:c@khach.example"],
    )
    assert (await people.find([ids["d"]])).new == 1
    assert await people.pairs() == [("c", "d", "email", "proposed")]


async def test_an_address_of_a_crowd_is_reported_and_proposes_nothing(people: People) -> None:
    crowd = {f"kh{n}": ["zalo_template:+84900000000"] for n in range(ONE_PERSON + 1)}
    await people.have(**crowd)
    found = await people.find()
    assert [(one.channel, one.value, one.people) for one in found.crowds] == [
        ("zalo_template", "+84900000000", ONE_PERSON + 1)
    ]
    assert found.new == 0
    assert COUNTABLE > ONE_PERSON


async def test_pairs_grow_with_people_and_not_with_their_square(people: People) -> None:
    await people.have(**{f"kh{n}": ["email:all@khach.example"] for n in range(ONE_PERSON)})
    assert (await people.find()).new == ONE_PERSON - 1


async def test_a_proposal_that_nothing_supports_any_more_is_withdrawn(people: People) -> None:
    await people.have(a=["email:lan@khach.example"], b=["email:lan@khach.example"])
    await people.find()
    await people.have(b=["email:binh@khach.example"])
    assert (await people.find()) == Found(new=0, withdrawn=1, crowds=())
    assert await people.pairs() == []
    assert await people.graph_differences() == 0


async def test_a_refused_pair_is_not_proposed_again_whatever_it_shares(people: People) -> None:
    await people.have(a=["email:lan@khach.example"], b=["email:lan@khach.example"])
    await people.find()
    pair = await people.one("SELECT duplicate_id FROM duplicate")
    await people.refuse(pair)
    await people.refuse(pair)
    await people.have(
        a=["email:lan@khach.example", "zalo_oa:7700000000000000"],
        b=["email:lan@khach.example", "zalo_oa:7700000000000000"],
        c=["email:lan@khach.example"],
    )
    await people.find()
    assert await people.pairs() == [("a", "b", "email", "refused"), ("a", "c", "email", "proposed")]
    assert [[m.ext_id for m in one.members] for one in await people.proposals()] == [["a", "c"]]
    with pytest.raises(NotFound):
        await people.refuse(1)


async def test_a_refusal_holds_for_the_one_that_the_refused_was_merged_into(people: People) -> None:
    await people.have(a=["email:1@khach.example"], b=["email:2@khach.example"], c=["email:2@khach.example"])
    await people.find()
    await people.refuse(await people.one("SELECT duplicate_id FROM duplicate"))
    await people.merge("a", "b")
    assert (await people.find()).new == 0


async def test_what_a_merged_profile_shares_is_proposed_for_its_winner(people: People) -> None:
    await people.have(a=["email:1@khach.example"], b=["email:2@khach.example"])
    await people.merge("a", "b")
    await people.have(c=["email:2@khach.example"])
    await people.find()
    assert await people.pairs() == [("a", "c", "email", "proposed")]


async def test_a_proposal_names_members_channels_and_whom_to_keep(people: People) -> None:
    ids = await people.have(
        a=["email:lan@khach.example"],
        b=["email:lan@khach.example", "zalo_oa:7700000000000000"],
        c=["zalo_oa:7700000000000000"],
        x=["email:x@khach.example"],
        y=["email:x@khach.example"],
    )
    await people.rows("UPDATE cdp_profiles SET name = 'Trần  Lan' WHERE ext_id = 'a'")
    await people.rows("UPDATE cdp_profiles SET name = 'trần lan' WHERE ext_id = 'b'")
    await people.rows(
        "INSERT INTO marketing_event (tenant_id, type, profile_id) VALUES (leo_tenant(), 'seen', %(p)s)", p=ids["b"]
    )
    await people.rows(
        "INSERT INTO consent (tenant_id, profile_id, granted) VALUES (leo_tenant(), %(p)s, true)", p=ids["y"]
    )
    await people.find()
    first, second = await people.proposals()
    assert [member.ext_id for member in first.members] == ["a", "b", "c"]
    assert first.channels == ("email", "zalo_oa")
    assert [(pair.profile, pair.other, pair.channel) for pair in first.pairs] == [
        ("a", "b", "email"),
        ("b", "c", "zalo_oa"),
    ]
    assert (first.winner, second.winner) == ("b", "y")
    assert first.confidence.startswith("Strong: 3 profiles share an e-mail address and a Zalo id")
    assert second.confidence.startswith("Likely")
    assert await people.proposals(after=ids["a"]) == [second]
    assert await people.proposals(limit=1) == [first]


async def test_names_that_differ_make_a_proposal_doubtful(people: People) -> None:
    await people.have(a=["zalo_oa:7700000000000000"], b=["zalo_oa:7700000000000000"])
    await people.rows("UPDATE cdp_profiles SET name = 'Người ' || ext_id")
    await people.find()
    (only,) = await people.proposals()
    assert only.confidence.startswith("Possible")


async def test_a_merge_redirects_and_keeps_history_and_ids(db: Database, tenant: Tenant) -> None:
    world, campaign_id, (winner, loser) = await simple_world(db, tenant, people=2)
    people = People(db, tenant)
    _, (batch_id,) = await world.run(campaign_id, [winner, loser])
    await world.decide(batch_id)
    before = await world.rows("SELECT decision_id, profile_id, event_id FROM decision ORDER BY 1")
    assert await people.merge("kh-1", "kh-2") == identity.Merged(redirected=1, cancelled=1)
    assert await people.points_at() == {"kh-1": None, "kh-2": "kh-1"}
    assert await world.rows("SELECT decision_id, profile_id, event_id FROM decision ORDER BY 1") == before
    assert await world.statuses() == {"queued": 1, "cancelled": 1}
    assert {row["profile_id"] for row in await world.deliveries()} == {winner, loser}
    record = (await world.rows("SELECT * FROM profile_merge"))[0]
    assert (record["loser_id"], record["winner_id"], record["merged_by"]) == (loser, winner, "lan")
    assert await world.graph_differences() == 0


async def test_a_chain_is_flattened_and_opened_again(people: People) -> None:
    await people.have(a=[], b=[], c=[], d=[])
    await people.merge("b", "a")
    await people.merge("c", "b", "d")
    assert await people.points_at() == {"a": "c", "b": "c", "c": None, "d": "c"}
    await people.unmerge("b")
    assert await people.points_at() == {"a": "b", "b": None, "c": None, "d": "c"}
    undone = await people.rows("SELECT undone_by, undone_at IS NOT NULL AS is_undone FROM profile_merge ORDER BY 1")
    assert undone == [{"undone_by": "lan", "is_undone": True}, *[{"undone_by": None, "is_undone": False}] * 2]
    assert await people.graph_differences() == 0


async def test_pairs_are_merged_with_their_people_and_proposed_again_when_that_is_undone(people: People) -> None:
    await people.have(a=["zalo_oa:7000000000000000"], b=["zalo_oa:7000000000000000"], c=["zalo_oa:7000000000000000"])
    await people.find()
    await people.merge("b", "a")
    assert [pair[3] for pair in await people.pairs()] == ["merged", "proposed"]
    assert [[m.ext_id for m in one.members] for one in await people.proposals()] == [["b", "c"]]
    await people.merge("c", "b")
    assert [pair[3] for pair in await people.pairs()] == ["merged", "merged"]
    assert await people.proposals() == []
    await people.unmerge("a")
    assert [pair[3] for pair in await people.pairs()] == ["proposed", "proposed"]


async def test_merging_what_is_merged_already_changes_nothing(people: People) -> None:
    await people.have(a=[], b=[])
    await people.merge("a", "b")
    assert await people.merge("a", "b") == identity.Merged(0, 0)
    assert await people.one("SELECT count(*) FROM profile_merge") == 1


@pytest.mark.parametrize(
    ("winner", "losers", "error"),
    [
        ("a", ["nobody"], NotFound),
        ("nobody", ["a"], NotFound),
        ("a", ["a"], InvalidInput),
        ("gone", ["a"], Conflict),
        ("a", ["gone"], Conflict),
        ("loser", ["a"], Conflict),
        ("a", ["loser"], Conflict),
    ],
)
async def test_what_cannot_be_merged_is_refused(
    people: People, winner: str, losers: list[str], error: type[Exception]
) -> None:
    await people.have(a=[], b=[], gone=[], loser=[])
    await people.merge("b", "loser")
    await people.rows("UPDATE cdp_profiles SET status = 'deleted' WHERE ext_id = 'gone'")
    before = await people.points_at()
    with pytest.raises(error):
        await people.merge(winner, *losers)
    assert await people.points_at() == before


async def test_pairs_that_go_round_are_refused(people: People) -> None:
    ids = await people.have(a=[], b=[], c=[])
    a, b, c = ids["a"], ids["b"], ids["c"]
    for pairs in ([(a, b), (b, c), (c, a)], [(a, b), (a, c)]):
        async with people.db.transaction(people.tenant.tenant_id) as conn:
            with pytest.raises(InvalidInput):
                await identity.merge_profiles(
                    conn, tenant_id=people.tenant.tenant_id, pairs=pairs, reason="round", by="lan"
                )


async def test_only_what_is_merged_is_un_merged(people: People) -> None:
    await people.have(a=[])
    with pytest.raises(Conflict):
        await people.unmerge("a")
    with pytest.raises(NotFound):
        await people.unmerge("nobody")


async def test_another_tenants_people_are_never_found_or_merged(
    people: People, db: Database, other_tenant: Tenant
) -> None:
    strangers = People(db, other_tenant)
    mine = await people.have(a=["zalo_oa:7000000000000000"])
    theirs = await strangers.have(a=["zalo_oa:7000000000000000"], b=["zalo_oa:7000000000000000"])
    assert (await people.find([*mine.values(), *theirs.values()])).new == 0
    with pytest.raises(NotFound):
        await people.merge("a", "b")
    await strangers.find()
    assert await people.proposals() == []
    with pytest.raises(NotFound):
        await people.refuse(await strangers.one("SELECT duplicate_id FROM duplicate"))


async def test_an_event_of_a_merged_profile_happens_to_its_last_winner(people: People) -> None:
    ids = await people.have(a=[], b=[], c=[])
    await people.merge("b", "a")
    await people.merge("c", "b")
    async with people.db.transaction(people.tenant.tenant_id) as conn:
        await events.record_events(
            conn, tenant_id=people.tenant.tenant_id, events=[{"type": "seen", "profile": "a", "ext_id": "e-1"}]
        )
    assert await people.one("SELECT profile_id FROM marketing_event") == ids["c"]


async def test_writing_a_merged_profile_keeps_it_merged(people: People) -> None:
    await people.have(a=[], b=["email:b@khach.example"])
    await people.merge("a", "b")
    await people.have(b=["email:new@khach.example"])
    assert await people.points_at() == {"a": None, "b": "a"}
    assert await people.graph_differences() == 0


async def test_who_is_one_person_now_is_looked_at_again_by_segments(people: People) -> None:
    ids = await people.have(a=[], b=[])
    await people.rows("DELETE FROM recheck")
    await people.merge("a", "b")
    due = await people.rows("SELECT profile_id, event_types FROM recheck ORDER BY 1")
    assert due == [{"profile_id": ids["a"], "event_types": []}, {"profile_id": ids["b"], "event_types": []}]
