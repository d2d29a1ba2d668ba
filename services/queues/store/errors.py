"""Raises SQLAlchemy's errors as ours: TransientError where waiting helps, else ContractError or PermanentError."""

import contextlib
from collections.abc import Iterator

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from services.queues.store.dialect import is_schema_mismatch
from shared.errors import ContractError, PermanentError, TransientError


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Translate the library's errors; messages name the driver's words, never statement parameters."""
    try:
        yield
    except SQLAlchemyError as error:
        words = str(getattr(error, "orig", None) or type(error).__name__)
        if is_schema_mismatch(words):
            raise ContractError(f"{doing}: the tables are not what this version expects: {words}") from error
        if isinstance(error, (OperationalError, InterfaceError, PoolTimeoutError)):
            raise TransientError(f"{doing}: the database is away or busy: {words}. It is tried again.") from error
        raise PermanentError(f"{doing}: the database refuses: {words}") from error
