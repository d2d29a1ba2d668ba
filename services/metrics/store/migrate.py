"""Brings the database to the schema this code was written for: plain SQL files, applied once, in order."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from services.metrics.store.clickhouse import WRITE_SETTINGS, ClickHouseAddress, open_client, translated
from shared.errors import ContractError

FOLDER: Final = Path(__file__).parent / "migrations"
_NAME: Final = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


@dataclass(frozen=True)
class Migration:
    """One file: its number, its statements and a digest that tells whether it was edited after it was applied."""

    number: int
    name: str
    statements: tuple[str, ...]
    digest: str


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the migrations of a folder in order. Raises ContractError for a wrong or missing number."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        named = _NAME.match(path.name)
        if named is None:
            raise ContractError(f"{path.name}: expected a name like 0002_what_it_does.sql")
        text = path.read_text(encoding="utf-8")
        bare = re.sub(r"--[^\n]*", "", text)
        statements = tuple(each.strip() for each in bare.split(";") if each.strip())
        digest = hashlib.sha256(bare.encode()).hexdigest()
        found.append(Migration(int(named[1]), path.name, statements, digest))
    numbers = [each.number for each in found]
    if numbers != list(range(1, len(found) + 1)):
        raise ContractError(f"expected migrations numbered 1 to {len(found)}, found {numbers}")
    return found


def migrate(address: ClickHouseAddress, wanted: list[Migration] | None = None) -> int:
    """Create the database and apply what is missing; returns how many were applied. Safe to run at the same time.

    Raises:
        ContractError: the database is newer than this code, or an applied file was edited.
        TransientError: the engine is away.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", address.database):
        raise ContractError(f"CLICKHOUSE_DATABASE: expected letters, digits and _, found {address.database!r}")
    client = open_client(address, dict(WRITE_SETTINGS))
    try:
        with translated("create the database"):
            client.command(f"CREATE DATABASE IF NOT EXISTS {address.database} ENGINE = Atomic")
            client.database = address.database
        return _apply(client, migrations() if wanted is None else wanted)
    finally:
        client.close()


def _apply(client: Client, wanted: list[Migration]) -> int:
    with translated("read the schema version"):
        client.command(
            "CREATE TABLE IF NOT EXISTS schema_version (number UInt32, name String, digest String) "
            "ENGINE = ReplacingMergeTree ORDER BY number"
        )
        rows = client.query("SELECT number, digest FROM schema_version FINAL ORDER BY number").result_rows
    applied = {int(number): str(digest) for number, digest in rows}
    if applied and max(applied) > len(wanted):
        raise ContractError(
            f"The database has schema {max(applied)}, this code knows up to {len(wanted)}: "
            "run a newer version of Earshot."
        )
    missing = [each for each in wanted if each.number not in applied]
    for each in wanted:
        if applied.get(each.number, each.digest) != each.digest:
            raise ContractError(f"{each.name} was edited after it was applied: add a new file instead.")
    for each in missing:
        with translated(f"apply {each.name}"):
            for statement in each.statements:
                client.command(statement)
            client.insert("schema_version", [[each.number, each.name, each.digest]])
    return len(missing)
