"""The ids that organisations share of children and people do not tell when anybody first asked."""

from datetime import UTC, datetime, timedelta

from tests.deployment import Deployment, person

ASKS = "municipality-x"
CHILDREN = {f"0{day}03174321": f"2017-03-0{day}" for day in (1, 2, 3, 4)}


def shared_ids(service: Deployment, cpr: str, born: str) -> list[str]:
    """Those of a child and its holders, as the entry of a request names them to who asked."""
    child = person(cpr, "Alma Test", birth_date=born)
    asked = service.ask(ASKS, child=child)
    entries = service.get("/v1/audit/entries?type=consent_requested", org=ASKS).json["items"]
    filed = next(one["body"] for one in entries if one["body"]["consent"] == asked["id"])
    return [one["person"] for one in filed["people"]]


def time_of(uuid7: str) -> datetime:
    """What a UUIDv7 begins with: milliseconds since 1970 (RFC 9562, section 5.7)."""
    return datetime.fromtimestamp(int(uuid7.replace("-", "")[:12], 16) / 1000, UTC)


def test_an_id_that_is_shared_tells_neither_time_nor_order(service: Deployment) -> None:
    ids = [one for child in CHILDREN.items() for one in shared_ids(service, *child)]
    assert len(set(ids)) == 3 * len(CHILDREN)
    assert {one[14] for one in ids} == {"7"}
    # By chance one in 50,000 falls within a day of now, and one order in 479 million is this one.
    near = [one for one in ids if abs(time_of(one) - datetime.now(UTC)) < timedelta(days=1)]
    assert len(near) < 2
    assert ids != sorted(ids)
