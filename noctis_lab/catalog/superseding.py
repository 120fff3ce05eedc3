"""A wide row in the place of an earlier one of its instance, or of its row in Parquet."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, delete, insert

from noctis_lab.catalog import schema
from noctis_lab.catalog.commit_statements import CommitStatements
from noctis_lab.catalog.records import InstanceEntry
from noctis_lab.catalog.rows import clean_text
from noctis_lab.catalog.wide import encode_elements
from noctis_lab.dicom.uids import uid_key
from noctis_lab.events import InstanceStored

__all__ = ["write_superseding"]


def write_superseding(
    connection: Connection,
    engine: Engine,
    entry: InstanceEntry,
    *,
    series_key: int,
    reference: str,
    at: int,
) -> int:
    """Write an instance's wide row anew, tell of it, and let the worker write the series.

    Parameters
    ----------
    connection
        A writer's, within its transaction.
    series_key, reference
        Of the series' row that the instance is filed in.
    at
        The present, as `to_instant` gives it.

    Returns
    -------
    int
        The new row's `wide_key`, which is the event's number.
    """
    sql, wide = CommitStatements(engine), schema.wide
    key = uid_key(clean_text(entry.SOPInstanceUID))
    fact = InstanceStored(
        StudyInstanceUID=clean_text(entry.StudyInstanceUID),
        SeriesInstanceUID=clean_text(entry.SeriesInstanceUID),
        SOPInstanceUID=clean_text(entry.SOPInstanceUID),
    )
    told = {"kind": fact.kind, "fields": fact.to_json(), "at": at}
    ((wide_key,),) = sql.add_event.run(connection, told)
    connection.execute(
        delete(wide).where(wide.c.series_key == series_key, wide.c.instance_key == key)
    )
    connection.execute(
        insert(wide).values(
            wide_key=wide_key,
            series_key=series_key,
            instance_key=key,
            elements=encode_elements(entry.elements),
        )
    )
    sql.add_jobs.run(connection, {"key": reference, "run_after": at, "slack": 0})
    return int(wide_key)
