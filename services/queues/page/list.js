// The list of posts, newest first: at most 1,000 rows, redrawn once a frame, whatever arrives.

import { author, element, refreshTimes, timeOf, words } from "./format.js";

export const MOST_ROWS = 1_000;

// What comes first, as the API orders it; equal ones from old to new.
const RANKS = {
  priority: (item) => -item.priority,
  at_risk: (item) => (item.at_risk ? 0 : 1e15) + (item.due_at ? Date.parse(item.due_at) : item.at),
  oldest: () => 0,
};

export function chips(item) {
  return [
    item.priority > 0 && element("span", {
      class: `chip priority${item.at_risk ? " risky" : ""}`,
      title: item.priority_reasons.map((each) => `${each.reason}: ${each.points}`).join("\n"),
    }, item.at_risk ? `priority ${item.priority}, at risk` : `priority ${item.priority}`),
    element("span", { class: "chip department" }, words(item.department)),
    element("span", { class: "chip intent" }, words(item.intent)),
    element("span", { class: `chip ${item.sentiment}` }, item.sentiment),
    item.surface === "internal" && element("span", { class: "chip internal" }, "internal"),
    item.unsure && element("span", {
      class: "chip unsure",
      title: `Best guess: ${words(item.suggested_department || "")}, ${words(item.suggested_intent || "")}`,
    }, "unsure"),
    item.state !== "new" && element("span", { class: `chip state ${item.state}` },
      item.state === "claimed" ? `claimed by ${item.owner}` : item.state),
  ];
}

export class List {
  constructor({ opened, older, looking }) {
    this.looking = looking;
    this.order = "";
    this.root = document.getElementById("list");
    this.scroll = document.getElementById("posts");
    this.olderButton = document.getElementById("older");
    this.items = new Map();
    this.rows = new Map();
    this.search = "";
    this.selected = "";
    this.opened = opened;
    this.root.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (row) opened(row.dataset.item);
    });
    this.root.addEventListener("focus", () => !this.selected && this.move(1));
    this.olderButton.addEventListener("click", older);
    new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && older(), { rootMargin: "600px" })
      .observe(this.olderButton);
    setInterval(() => document.hidden || refreshTimes(document), 10_000);
    document.addEventListener("visibilitychange", () => document.hidden || (refreshTimes(document), this.dirty()));
  }

  clear() {
    this.items.clear();
    this.dirty();
  }

  // Keeps the newest version; tells whether the item was not listed before.
  put(item) {
    const known = this.items.get(item.item);
    if (known && known.version >= item.version) return false;
    this.items.set(item.item, { ...item, at: Date.parse(item.occurred_at) });
    if (this.items.size > MOST_ROWS * 1.2) this.trim();
    this.dirty();
    return known === undefined;
  }

  drop(name) {
    if (this.items.delete(name)) this.dirty();
  }

  trim() {
    for (const each of this.sorted().slice(MOST_ROWS)) this.items.delete(each.item);
  }

  sorted() {
    const rank = RANKS[this.order];
    const sorted = (a, b) => (rank ? rank(a) - rank(b) || a.at - b.at : b.at - a.at) || (a.item < b.item ? 1 : -1);
    return [...this.items.values()].sort(sorted);
  }

  dirty() {
    if (this.frame || document.hidden) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  shown() {
    const wanted = this.search.toLowerCase();
    const fits = (item) => !wanted || `${item.text} ${author(item.actor)} ${item.actor.handle || ""}`.toLowerCase().includes(wanted);
    return this.sorted().filter(fits).slice(0, MOST_ROWS);
  }

  draw() {
    const shown = this.shown();
    const kept = new Set();
    let next = this.root.firstElementChild;
    for (const item of shown) {
      kept.add(item.item);
      const row = this.row(item);
      if (row === next) next = next.nextElementSibling;
      else this.root.insertBefore(row, next);
    }
    for (const [name, row] of this.rows) {
      if (kept.has(name)) continue;
      row.remove();
      this.rows.delete(name);
    }
    if (this.selected && !kept.has(this.selected)) this.select("");
    this.drawn?.(shown.length);
  }

  row(item) {
    const old = this.rows.get(item.item);
    const looking = this.looking(item.item);
    const drawn = `${item.version} ${item.priority} ${item.at_risk} ${looking}`;
    if (old?.drawn === drawn) return old;
    const row = old || element("li", { role: "option", id: `row-${item.item}`, data: { item: item.item } });
    row.replaceChildren(
      element("div", { class: "line" }, element("strong", {}, author(item.actor)),
        element("span", { class: "channel" }, `on ${item.channel}`), timeOf(item.occurred_at)),
      element("p", { dir: "auto" }, item.text),
      element("div", { class: "line" }, ...chips(item).filter(Boolean), looking && element("span", { class: "chip looking" }, looking)),
    );
    row.drawn = drawn;
    row.setAttribute("aria-selected", String(this.selected === item.item));
    this.rows.set(item.item, row);
    return row;
  }

  select(name) {
    this.rows.get(this.selected)?.setAttribute("aria-selected", "false");
    this.selected = name;
    const row = this.rows.get(name);
    if (row) {
      row.setAttribute("aria-selected", "true");
      this.root.setAttribute("aria-activedescendant", row.id);
      row.scrollIntoView({ block: "nearest" });
    } else this.root.removeAttribute("aria-activedescendant");
  }

  move(step) {
    const rows = [...this.root.children];
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.dataset.item === this.selected);
    const to = at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step));
    this.select(rows[to].dataset.item);
    return this.selected;
  }
}
