"""`history.sqlite`: what every run found, in a few numbers per verdict, for the trend.

One row per run and item: `select * from history` gives (started, run, suite, candidate, check, segment, drop, low, high,
margin, outcome), segment '' for the whole. Several processes may write at once: each waits for the others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.core.numbers import known
from harness.core.run import RunRecord
from harness.core.verdict import Verdict
from harness.errors import StoreError

SCHEMA_VERSION = 1
_WAIT_SECONDS = 30.0
_TABLES = """
CREATE TABLE run (id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, started TEXT NOT NULL);
CREATE TABLE item (id INTEGER PRIMARY KEY, suite TEXT NOT NULL, candidate TEXT NOT NULL, check_name TEXT NOT NULL, segment TEXT NOT NULL,
                   UNIQUE (suite, candidate, check_name, segment));
CREATE TABLE point (item INTEGER NOT NULL REFERENCES item, run INTEGER NOT NULL REFERENCES run, drop_value REAL, low REAL, high REAL,
                    margin REAL, outcome TEXT NOT NULL, PRIMARY KEY (item, run)) WITHOUT ROWID;
CREATE TABLE model (run INTEGER NOT NULL REFERENCES run, suite TEXT NOT NULL, candidate TEXT NOT NULL, fingerprint TEXT NOT NULL,
                    PRIMARY KEY (run, suite, candidate)) WITHOUT ROWID;
CREATE VIEW history AS
    SELECT run.started, run.run, suite, candidate, check_name AS "check", segment, drop_value AS "drop", low, high, margin, outcome
    FROM point JOIN item ON item.id = point.item JOIN run ON run.id = point.run;
"""


@dataclass(frozen=True)
class TrendPoint:
    """What one run found for one item; numbers in the unit of the drop, None where there was none."""

    started: str
    run: str
    drop: float | None
    low: float | None
    high: float | None
    margin: float | None
    outcome: str


def append(path: Path, run: RunRecord) -> None:
    """Add a run's verdicts to the history at `path`, creating it if need be.

    Adding the same run again replaces its points. Raises `StoreError` when the file cannot be written, is not a history,
    or comes from another schema version.
    """
    with _opened(path, "BEGIN IMMEDIATE") as connection:
        connection.execute(
            "INSERT INTO run (run, started) VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET started = excluded.started", (run.id, run.started)
        )
        (run_id,) = connection.execute("SELECT id FROM run WHERE run = ?", (run.id,)).fetchone()
        for record in run.suites:
            connection.executemany(
                "INSERT OR IGNORE INTO item (suite, candidate, check_name, segment) VALUES (?, ?, ?, ?)",
                (_key(record.suite, verdict) for verdict in record.verdicts),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO point SELECT id, ?, ?, ?, ?, ?, ? FROM item"
                " WHERE suite = ? AND candidate = ? AND check_name = ? AND segment = ?",
                ((run_id, *_numbers(verdict), str(verdict.outcome), *_key(record.suite, verdict)) for verdict in record.verdicts),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO model VALUES (?, ?, ?, ?)",
                (
                    (run_id, record.suite, name.removeprefix("model:"), fingerprint)
                    for name, fingerprint in record.fingerprints.items()
                    if name.startswith("model:")
                ),
            )


def attempts(path: Path, suite: str, candidate: str, since: str) -> int:
    """How many different models were judged as `candidate` in runs that started after `since` (ISO 8601, UTC).

    0 without a history, and with one that cannot be read: it is shown for information and decides nothing.
    """
    if not path.exists():
        return 0
    try:
        with _opened(path, "BEGIN") as connection:
            (count,) = connection.execute(
                "SELECT count(DISTINCT fingerprint) FROM model JOIN run ON run.id = model.run"
                " WHERE suite = ? AND candidate = ? AND run.started > ?",
                (suite, candidate, since),
            ).fetchone()
    except StoreError:
        return 0
    return int(count)


def trend(path: Path, suite: str, verdict: Verdict, last: int = 30, until: str | None = None) -> tuple[TrendPoint, ...]:
    """What the `last` runs found for the item of `verdict`, oldest first; () when there is no history.

    `until` leaves out runs that started after that moment. Raises `StoreError` like `append`.
    """
    return next(iter(trends(path, suite, [verdict], last, until)))


def trends(path: Path, suite: str, verdicts: Sequence[Verdict], last: int = 30, until: str | None = None) -> list[tuple[TrendPoint, ...]]:
    """`trend` of several verdicts, in their order, from one reading of the file."""
    if not path.exists():
        return [()] * len(verdicts)
    with _opened(path, "BEGIN") as connection:
        return [tuple(_points(connection, suite, verdict, last, until)) for verdict in verdicts]


def _points(connection: sqlite3.Connection, suite: str, verdict: Verdict, last: int, until: str | None) -> Iterable[TrendPoint]:
    rows = connection.execute(
        "SELECT run.started, run.run, drop_value, low, high, margin, outcome FROM point"
        " JOIN item ON item.id = point.item JOIN run ON run.id = point.run"
        " WHERE suite = ? AND candidate = ? AND check_name = ? AND segment = ? AND (? IS NULL OR run.started <= ?)"
        " ORDER BY run.started DESC, run.id DESC LIMIT ?",
        (*_key(suite, verdict), until, until, last),
    ).fetchall()
    return (TrendPoint(*row) for row in reversed(rows))


def _key(suite: str, verdict: Verdict) -> tuple[str, str, str, str]:
    return suite, verdict.candidate, verdict.check, verdict.segment.label if verdict.segment else ""


def _numbers(verdict: Verdict) -> tuple[float | None, float | None, float | None, float | None]:
    comparison = verdict.comparison
    if comparison is None:
        return None, None, None, None
    return known(comparison.drop.value), known(comparison.drop.low), known(comparison.drop.high), known(comparison.margin)


@contextmanager
def _opened(path: Path, begin: str) -> Iterator[sqlite3.Connection]:
    """A connection inside one transaction. `BEGIN IMMEDIATE` takes the write lock, so that one process only makes the tables."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)) as connection:
            connection.execute(begin)
            try:
                _prepare(connection, path)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"{path} cannot be used as the history of runs: {error}; check that its folder can be written and is not full"
        ) from error
    except (sqlite3.DatabaseError, OSError) as error:
        raise StoreError(
            f"{path} cannot be used as the history of runs: {error}; move it away and the next run starts a new one"
        ) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version or tables:
        raise StoreError(
            f"{path} is a history of schema {version}, this version of the harness writes {SCHEMA_VERSION}; "
            "move it away or update the harness"
        )
    for statement in _TABLES.strip().split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
