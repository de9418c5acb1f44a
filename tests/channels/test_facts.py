"""What we say of providers has a source and a day, and the tables hold together."""

from datetime import date

import pytest

from channels import facts
from channels.contract import ReceiptClass, ReceiptStatus

PROVIDERS = (
    "email",
    "telegram",
    "zalo_oa",
    "zalo_template",
    "facebook",
    "fcm",
    "web_push",
    "pushalert",
    "sendgrid",
    "chat",
)


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_fact_names_its_source_and_the_day_it_was_checked(name: str) -> None:
    known = facts.load(name)
    used = {limit.source for limit in known.limits.values()} | {answer.source for answer in known.answers}
    used |= {kind.source for kind in known.kinds.values()}
    assert used == set(known.sources.values())
    for source in used:
        assert source.url.startswith("https://")
        assert source.checked >= date(2026, 11, 23)


@pytest.mark.parametrize("name", PROVIDERS)
def test_nothing_but_acceptance_is_accepted(name: str) -> None:
    for answer in facts.load(name).answers:
        assert (answer.status is ReceiptStatus.ACCEPTED) == (answer.klass is ReceiptClass.ACCEPTED)
        assert answer.first <= answer.last


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_credential_that_is_refused_never_costs_the_message(name: str) -> None:
    for answer in facts.load(name).answers:
        if answer.klass is ReceiptClass.TOKEN_EXPIRED:
            assert answer.status is ReceiptStatus.RETRY
