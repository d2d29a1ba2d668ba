// Wires the page: one snapshot, one stream that goes on from its position, and views that redraw what changed.

import * as api from "./api.js";
import { Board } from "./board.js";
import { Detail } from "./detail.js";
import { Feed } from "./feed.js";
import { element, words } from "./format.js";
import { listen } from "./keys.js";
import { List, MOST_ROWS } from "./list.js";
import { Presence } from "./presence.js";
import { Sound } from "./sound.js";
import { Undo } from "./undo.js";
import { Urgent } from "./urgent.js";
import { View } from "./view.js";

const COUNTS_EVERY_MS = 1_000;
const AGES_EVERY_MS = 10_000;
const RANKS_EVERY_MS = 60_000;
const ANNOUNCE_EVERY_MS = 5_000;
const SNAPSHOT_RETRY_MS = 3_000;
const byId = (name) => document.getElementById(name);

const view = new View(changed);
const board = new Board(view);
const list = new List({ opened: (item) => view.set({ item }), older: loadOlder, looking: (item) => presence.words(item) });
const undo = new Undo((after, action, body) => detail.send(after, action, body, { offer: false }));
const urgent = new Urgent({ opened: (item) => view.set({ item }) });
const sound = new Sound();
const detail = new Detail({
  closed: () => view.set({ item: "" }), labels: () => board.labels(), say, looking: (item) => presence.words(item),
  done: (action, after, back) => undo.offer(action, after, back),
});
const presence = new Presence({
  agent: () => detail.agent, open: () => view.item, changed: (item) => (list.dirty(), detail.looked(item)),
});
const feed = new Feed({
  item: heard, removed, resync: () => snapshot(), presence: (told) => presence.heard(told), state: connection,
});
// What the stream told while a snapshot was on its way, by item: the item, or null when it left the view.
let meanwhile = null;
let next = null;
let loading = 0;
let known = "";
let fresh = 0;

// A snapshot and the stream may overtake each other: what was heard meanwhile is played again on top, by version.
async function snapshot() {
  const turn = ++loading;
  const overtaking = (meanwhile = new Map());
  try {
    const page = await api.items(view.filter(), view.order || "newest");
    if (turn !== loading) return;
    list.clear();
    for (const item of page.items) list.put(item);
    for (const [name, { version, item }] of overtaking) {
      if (item) list.put(item);
      else if ((list.items.get(name)?.version ?? 0) <= version) list.drop(name);
    }
    meanwhile = null;
    next = page.next;
    trouble("");
    list.draw();
    if (!feed.source) feed.start(page.position);
  } catch (error) {
    if (turn !== loading) return;
    trouble(`${error.message} Trying again …`);
    setTimeout(() => turn === loading && snapshot(), SNAPSHOT_RETRY_MS);
  }
  counts();
}

async function loadOlder() {
  if (!next || loadOlder.busy || list.items.size >= MOST_ROWS) return;
  loadOlder.busy = true;
  const turn = loading;
  try {
    const page = await api.items(view.filter(), view.order || "newest", next);
    if (turn === loading) {
      next = page.next;
      for (const item of page.items) list.put(item);
    }
  } catch (error) {
    trouble(error.message);
  } finally {
    loadOlder.busy = false;
  }
}

function heard(item) {
  if (view.matches(item)) {
    meanwhile?.set(item.item, { version: item.version, item });
    if (list.put(item) && item.state === "new") {
      fresh += 1;
      sound.ring();
    }
  } else {
    leave(item.item, item.version);
  }
  detail.heard(item);
  counts();
}

function removed({ item }) {
  leave(item, Infinity);
  detail.removed(item);
  counts();
}

function leave(name, version) {
  meanwhile?.set(name, { version, item: null });
  list.drop(name);
}

// At most one question a second, however much happens; none while nobody looks.
function counts() {
  if (counts.timer) return;
  const wait = Math.max(0, COUNTS_EVERY_MS - (Date.now() - (counts.at || 0)));
  counts.timer = setTimeout(async () => {
    counts.at = Date.now();
    try {
      if (!document.hidden) board.show((await api.queues()).queues);
      urgent.look();
    } catch (error) {
      trouble(error.message);
    } finally {
      counts.timer = null;
    }
  }, wait);
}

function changed() {
  const filter = JSON.stringify([view.filter(), view.order]);
  list.order = byId("order").value = view.order;
  for (const name of ["state", "sentiment", "surface"]) byId(name).value = view.chosen[name];
  board.draw();
  drawFilters();
  if (filter !== known) {
    known = filter;
    snapshot();
  }
  if (view.item) list.select(view.item);
  detail.show(view.item);
  presence.say();
}

function drawFilters() {
  byId("filters").replaceChildren(...view.narrowed().map((name) => element("button", {
    type: "button", class: "chip", "aria-label": `Remove the filter ${name}: ${words(view.chosen[name])}`,
    onclick: () => view.set({ [name]: "" }),
  }, `${name}: ${words(view.chosen[name])} ✕`)));
}

list.drawn = (count) => {
  byId("shown").textContent = count >= MOST_ROWS ? `first ${MOST_ROWS.toLocaleString()}` : `${count.toLocaleString()} shown`;
  byId("older").hidden = !next || list.items.size >= MOST_ROWS;
  byId("empty").hidden = count > 0;
  if (count === 0) drawEmpty();
};

function drawEmpty() {
  const narrowed = view.narrowed().length > 0 || list.search;
  byId("empty").replaceChildren(...(narrowed
    ? [element("p", {}, "No post fits these filters."),
      element("button", { type: "button", onclick: clearAll }, "Clear filters")]
    : [element("p", {}, "Nothing is waiting. New posts appear here by themselves."),
      element("p", {}, "To send a first one: ", element("code", {}, "POST /ingest/v1/activities"),
        ", or configure a source in earshot.yaml.")]));
}

function clearAll() {
  byId("search").value = list.search = "";
  view.clear();
  list.draw();
}

function connection(state) {
  const shown = byId("connection");
  if (shown.dataset.state === state) return;
  shown.dataset.state = state;
  shown.textContent = state;
  if (state === "live") {
    trouble("");
    counts();
  }
}

function trouble(text) {
  byId("trouble").hidden = !text;
  byId("trouble").textContent = text;
}

function say(text) {
  byId("announcer").textContent = text;
}

function escape() {
  if (view.item) {
    view.set({ item: "" });
    byId("list").focus();
  } else clearAll();
}

for (const name of ["state", "sentiment", "surface", "order"]) {
  byId(name).addEventListener("change", (event) => view.set({ [name]: event.target.value }));
}
byId("search").addEventListener("input", (event) => {
  list.search = event.target.value;
  list.dirty();
});
byId("help-button").addEventListener("click", () => byId("help").showModal());
listen({
  j: () => void list.move(1), k: () => void list.move(-1),
  ArrowDown: (event) => event.target === list.root && void list.move(1),
  ArrowUp: (event) => event.target === list.root && void list.move(-1),
  Enter: () => void (list.selected && view.set({ item: list.selected })),
  Escape: escape,
  "/": () => byId("search").focus(),
  "?": () => byId("help").showModal(),
  c: () => void detail.toggleClaim(), r: () => void detail.act("resolve"), s: () => void detail.snooze(),
  l: () => detail.edit("label-department"), n: () => detail.edit("note"), a: () => void detail.accept(), u: () => undo.use(),
});
document.addEventListener("visibilitychange", () => document.hidden || counts());
setInterval(counts, AGES_EVERY_MS);
// Priorities grow while posts wait, and no event tells: an order that depends on them is asked for again.
setInterval(() => view.order && !document.hidden && snapshot(), RANKS_EVERY_MS);
setInterval(() => {
  if (fresh) say(fresh === 1 ? "1 new post" : `${fresh} new posts`);
  fresh = 0;
}, ANNOUNCE_EVERY_MS);
changed();
