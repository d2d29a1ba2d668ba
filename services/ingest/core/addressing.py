"""Whom an activity concerns: from our accounts to direction, account and department (design.md section 2)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.contracts.activity import Direction, Surface
from shared.contracts.configuration import Account


class Address(NamedTuple):
    """How an activity stands to the organisation."""

    direction: Direction
    account: str | None
    department: str | None


class Act(NamedTuple):
    """What decides about the direction of one activity: who acted, on which objects, naming whom, in this order."""

    channel: str
    surface: Surface
    actor: str
    objects: Sequence[str | None] = ()
    names: Sequence[str | None] = ()


AMBIENT = Address(Direction.AMBIENT, None, None)


class Accounts:
    """All accounts of the organisation, found by id or by handle."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._by_id: dict[tuple[str, str], Account] = {}
        self._by_name: dict[tuple[str, str], Account] = {}
        for account in accounts:
            self._by_id[account.channel, account.id] = account
            self._by_name.setdefault((account.channel, _plain(account.id)), account)
        for account in self._by_id.values():
            if account.handle:
                self._by_name.setdefault((account.channel, _plain(account.handle)), account)

    def of_actor(self, channel: str, actor: str) -> Account | None:
        """Return the account that an actor's id is; a handle does not count, for anybody may claim one."""
        return self._by_id.get((channel, actor))

    def named(self, channel: str, name: str) -> Account | None:
        """Return the account a mention names: by id or handle, in any case, with or without @."""
        return self._by_id.get((channel, name)) or self._by_name.get((channel, _plain(name)))

    def of_object(self, channel: str, object_id: str) -> Account | None:
        """Return the account an object's id tells: `channel:at://{account}/...`, or `channel:{account}` itself."""
        prefix = f"{channel}:"
        if not object_id.startswith(prefix):
            return None
        rest = object_id[len(prefix) :]
        if rest.startswith("at://"):
            rest = rest[5:].partition("/")[0]
        return self._by_id.get((channel, rest))

    def address(self, act: Act) -> Address:
        """Return direction, account and department of an activity; the first object or name that is ours decides."""
        own = self.of_actor(act.channel, act.actor)
        if own is not None:
            return Address(Direction.OUTBOUND, own.id, own.department)
        ours = self._concerned(act)
        if ours is not None:
            return Address(Direction.INBOUND, ours.id, ours.department)
        return AMBIENT if act.surface is Surface.PUBLIC else Address(Direction.INBOUND, None, None)

    def _concerned(self, act: Act) -> Account | None:
        for each in act.objects:
            if each and (found := self.of_object(act.channel, each)):
                return found
        for each in act.names:
            if each and (found := self.named(act.channel, each)):
                return found
        return None


def _plain(name: str) -> str:
    return name.removeprefix("@").casefold()
