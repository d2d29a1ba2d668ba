"""Raises SQLAlchemy's errors as ours: TransientError where waiting helps, else ContractError or PermanentError."""

import contextlib
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from services.queues.store.dialect import is_passing, is_schema_mismatch
from shared.errors import ContractError, PermanentError, TransientError


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Translate the library's errors; messages name the driver's words, never statement parameters."""
    try:
        yield
    except SQLAlchemyError as error:
        driver = getattr(error, "orig", None)
        # PostgreSQL's second line names values of the row, its first one does not.
        primary = getattr(getattr(driver, "diag", None), "message_primary", None)
        words = primary or " ".join(str(driver or type(error).__name__).split())
        if is_schema_mismatch(driver):
            raise ContractError(f"{doing}: the tables are not what this version expects: {words}") from error
        if isinstance(error, (InterfaceError, PoolTimeoutError)) or (
            isinstance(error, DBAPIError) and is_passing(error)
        ):
            raise TransientError(f"{doing}: the database is away or busy: {words}. It is tried again.") from error
        raise PermanentError(f"{doing}: the database refuses: {words}") from error
