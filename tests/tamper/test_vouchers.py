"""The list of vouchers names every column of every table once, and what is compared is compared."""

from consent_service.persistence.schema import metadata
from consent_service.persistence.verification.log_reader import CHECKS, DatabaseLog
from consent_service.persistence.verification.vouchers import (
    GONE,
    MORE,
    VOUCHERS,
)


def test_every_column_of_every_table_has_a_voucher_and_no_other() -> None:
    listed = {f"{table}.{column}" for table, of in VOUCHERS.items() for column in of}
    there = {
        f"{table.name}.{column}"
        for table in metadata.tables.values()
        for column in (*table.columns.keys(), GONE, MORE)
    }
    assert listed - there == set()
    assert there - listed == set()


def test_verification_compares_what_the_list_says_and_nothing_else() -> None:
    covers = frozenset[str]().union(DatabaseLog.COVERS, *(group.COVERS for group in CHECKS))
    compared = {
        f"{table}.{column}"
        for table, of in VOUCHERS.items()
        for column, voucher in of.items()
        if voucher.is_compared
    }
    assert compared - covers == set()
    assert covers - compared == set()


def test_every_voucher_says_something() -> None:
    for of in VOUCHERS.values():
        assert all(voucher.sentence.strip() for voucher in of.values())
