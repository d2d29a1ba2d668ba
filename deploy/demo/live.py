"""`python -m deploy.demo.live`: once the system is ready, shows how history comes in, then keeps posts coming.

Its agents work in the live queues as people do: they look, claim, answer, note, snooze and resolve.
"""

import contextlib
import heapq
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final

import httpx2
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.demo.company import AGENTS, SEED, texts
from deploy.demo.story import DAYS, Opening, Teller
from deploy.embedded.settings import LauncherSettings
from shared.clock import utc_now
from shared.contracts.activity import wire_time

READY_SECONDS: Final = 120.0
HISTORY_SECONDS: Final = 120.0
POST_SECONDS: Final = 2.2
AGENT_SECONDS: Final = 3.5
TIDIED_AFTER: Final = timedelta(hours=30)


@dataclass
class Earshot:
    """The running system, over HTTP."""

    client: httpx2.Client

    def get(self, path: str, **parameters: str | int) -> Any:  # noqa: ANN401  # JSON
        """Return an answer. Raises httpx2.HTTPError."""
        return self.client.get(path, params=parameters).raise_for_status().json()

    def is_ready(self) -> bool:
        """Tell whether everything works."""
        with contextlib.suppress(httpx2.HTTPError):
            return self.client.get("/health/ready").status_code == 200
        return False

    def send(self, activities: list[dict[str, Any]]) -> None:
        """Hand activities to ingest; what it refuses is a mistake in the story. Raises httpx2.HTTPError."""
        if activities:
            answer = self.client.post("/ingest/v1/activities", json=activities).raise_for_status().json()
            if answer["rejected"]:
                raise RuntimeError(f"the story has a mistake: {answer['rejected'][0]}")

    def order(self, item: dict[str, Any], command: str, agent: str, **body: object) -> dict[str, Any] | None:
        """Carry out a command on an item; None when somebody else was quicker."""
        headers = {"If-Match": f'"{item["version"]}"'}
        path = f"/queues/v1/items/{item['item']}/{command}"
        answer = self.client.post(path, json={"agent": agent} | body, headers=headers)
        done: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return done


@dataclass
class Life:
    """What happens next: posts every few seconds, and agents who deal with them. `due` is ordered by time."""

    earshot: Earshot
    teller: Teller
    posts: int = 0
    answered: int = 0
    _open: dict[str, Opening] = field(default_factory=dict)
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    @property
    def chance(self) -> random.Random:
        """The story's source of chance."""
        return self.teller.chance

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), what))

    def begin(self) -> None:
        """Let posts and agents begin."""
        self.after(0, self._post)
        self.after(2, self._work)

    def step(self) -> None:
        """Wait for what is due next, and do it; a system that restarts is met again."""
        at, _, what = heapq.heappop(self._due)
        time.sleep(max(0.0, at - time.monotonic()))
        try:
            what()
        except httpx2.HTTPError:
            self.after(1.0, what)

    def _post(self) -> None:
        self._say(self._opening if self.chance.random() < 0.8 else self._aside)
        self.after(self.chance.expovariate(1 / POST_SECONDS), self._post)

    def _say(self, tell: Callable[[datetime], None]) -> None:
        """Tell something and send it; what the story dates ahead (likes, colleagues) comes when it is time."""
        self.teller.told.clear()
        now = utc_now()
        tell(now)
        told = [activity for at, activity in self.teller.told if at <= now]
        for at, activity in self.teller.told:
            if at > now:
                # A live demo cannot wait for hours: minutes become seconds.
                self.after(min(90.0, (at - now).total_seconds() / 20), partial(self._send_now, activity))
        self.earshot.send(told)
        self.posts += len(told)

    def _send_now(self, activity: dict[str, Any]) -> None:
        self.earshot.send([activity | {"occurred_at": wire_time(utc_now())}])
        self.posts += 1

    def _opening(self, now: datetime) -> None:
        opened = self.teller.opening(now)
        self._open[opened.post] = opened

    def _aside(self, now: datetime) -> None:
        kind = self.chance.random()
        if kind < 0.45:
            self.teller.ambient(now)
        elif kind < 0.85:
            self.teller.talk_inside(now, self.chance.choice(texts()["internal"]))
        else:
            self.teller.push(now, self.chance.choice(texts()["pushes"]))

    def _work(self) -> None:
        agent = self.chance.choice(AGENTS)
        found = self.earshot.get("/queues/v1/items", state="new", limit=50)["items"]
        ours = [each for each in found if each["id"] in self._open]
        if ours:
            item = self.chance.choice(ours)
            self.earshot.client.post(f"/queues/v1/items/{item['item']}/presence", json={"agent": agent})
            if (claimed := self.earshot.order(item, "claim", agent)) is not None:
                opened = self._open.pop(item["id"])
                self.after(self.chance.uniform(6, 25), partial(self._finish, claimed, agent, opened))
        self.after(self.chance.expovariate(1 / AGENT_SECONDS), self._work)

    def _finish(self, item: dict[str, Any], agent: str, opened: Opening) -> None:
        kind = self.chance.random()
        if kind < 0.72:
            text = self.teller.say(self.chance.choice(opened.theme["answers"]))
            self._say(lambda now: self._answer(now, opened, text))
            self.answered += 1
        elif kind < 0.82:
            self.earshot.order(item, "note", agent, text="Called back, waits for a photo of the serial number.")
        elif kind < 0.9:
            until = wire_time(utc_now() + timedelta(hours=3))
            self.earshot.order(item, "snooze", agent, until=until)
        else:
            self.earshot.order(item, "resolve", agent)

    def _answer(self, now: datetime, opened: Opening, text: str) -> None:
        answer = self.teller.answer(now, opened, text)
        if self.chance.random() < 0.35:
            follow = self.teller.say(self.chance.choice(opened.theme["follows"]))
            self.teller.reply(now + timedelta(minutes=self.chance.uniform(4, 15)), opened, answer, follow)


def watch_history(earshot: Earshot, progress: Progress) -> None:
    """Show how much of the history is heard, and how much of it stands in the queues."""
    heard = progress.add_task("history heard", total=100)
    queued = progress.add_task("classified and queued", total=100)
    deadline = time.monotonic() + HISTORY_SECONDS
    first = utc_now() - timedelta(days=DAYS)
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx2.HTTPError, KeyError, IndexError):
            source = next(each for each in earshot.get("/ingest/v1/sources")["sources"] if each["name"] == "history")
            done = float((source.get("progress") or {}).get("percent", 0))
            progress.update(heard, completed=done)
            newest = datetime.fromisoformat(earshot.get("/queues/v1/items", limit=1)["items"][0]["occurred_at"])
            share = max(0.0, (newest - first) / timedelta(days=DAYS))
            # The last post of the story may lie some hours back: it was night.
            progress.update(queued, completed=min(99, 100 * share))
            if done >= 100 and utc_now() - newest < timedelta(hours=10):
                progress.update(queued, completed=100)
                return
        time.sleep(0.3)


def tidy(earshot: Earshot, progress: Progress) -> None:
    """Resolve what is old, as a team would have: only the last day is still to do. Runs beside the live posts."""
    task = progress.add_task("old items resolved", total=None)
    with contextlib.suppress(httpx2.HTTPError):  # the system ends or restarts: the next start tidies up
        old = list(_old(earshot))
        progress.update(task, total=len(old) or 1)
        for number, item in enumerate(old):
            earshot.order(item, "resolve", AGENTS[number % len(AGENTS)])
            progress.advance(task)
        progress.update(task, completed=len(old) or 1)


def _old(earshot: Earshot) -> Iterator[dict[str, Any]]:
    limit, after = wire_time(utc_now() - TIDIED_AFTER), ""
    while True:
        page = earshot.get("/queues/v1/items", state="new", order="oldest", limit=200, after=after)
        yield from (each for each in page["items"] if each["occurred_at"] < limit)
        after = page["next"]
        if after is None or page["items"][-1]["occurred_at"] >= limit:
            return


def key_of(settings: LauncherSettings) -> str:
    """Return the key that the launcher was given or has made."""
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    return (settings.folder / "api-key").read_text(encoding="utf-8").strip()


def run(settings: LauncherSettings, console: Console) -> None:
    """Wait for the system, show its history coming in, and stream until told to stop."""
    parent, url = os.getppid(), f"http://{settings.host}:{settings.port}"
    with httpx2.Client(base_url=url, timeout=20, trust_env=False) as client:
        earshot = Earshot(client)
        deadline = time.monotonic() + READY_SECONDS
        while not earshot.is_ready():
            if time.monotonic() > deadline or os.getppid() != parent:
                return
            time.sleep(0.3)
        client.headers["Authorization"] = f"Bearer {key_of(settings)}"
        columns = (TextColumn("  {task.description:<22}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
            watch_history(earshot, progress)
            console.print("\nFernhill Bikes is alive: a post every few seconds, five agents at work.\n")
            tidying = threading.Thread(target=tidy, args=(earshot, progress), daemon=True)
            tidying.start()
            name = f"live-{utc_now():%y%m%d%H%M%S}"
            life = Life(earshot, Teller(name, random.Random(f"{SEED}/{name}")))  # noqa: S311  # a story, not a secret
            life.begin()
            while os.getppid() == parent and tidying.is_alive():
                life.step()
        while os.getppid() == parent:
            life.step()


def main() -> int:
    """Run until the launcher ends or Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        run(LauncherSettings(), Console(highlight=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
