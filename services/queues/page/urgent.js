// What needs somebody now: the most urgent posts that nobody holds, whatever the list beside it is filtered by.

import * as api from "./api.js";
import { author, element, timeOf, words } from "./format.js";

const SHOWN = 6;
const EVERY_MS = 10_000;
const SOONEST_MS = 3_000;

export class Urgent {
  constructor({ opened }) {
    this.opened = opened;
    this.root = document.getElementById("urgent-list");
    this.section = document.getElementById("urgent");
    this.at = 0;
    setInterval(() => this.look(), EVERY_MS);
    this.wide = matchMedia("(min-width: 1251px)");
    this.wide.addEventListener("change", () => this.look());
  }

  // Asked at most every few seconds, and only where there is room to show it.
  async look() {
    if (document.hidden || !this.wide.matches || Date.now() - this.at < SOONEST_MS) return;
    this.at = Date.now();
    try {
      this.draw((await api.items({ state: ["new"] }, "priority", null, SHOWN)).items);
    } catch {
      // The list says what is wrong; here the last answer stays.
    }
  }

  draw(items) {
    const focused = document.activeElement?.dataset?.urgent;
    this.section.hidden = items.length === 0;
    this.root.replaceChildren(...items.map((item) => element("li", {}, element("button", {
      type: "button", data: { urgent: item.item }, onclick: () => this.opened(item.item),
      title: item.priority_reasons.map((each) => `${each.reason}: ${each.points}`).join("\n"),
    },
    element("b", { class: item.at_risk ? "risky" : "" }, String(item.priority)),
    element("span", { class: "what" }, element("span", { dir: "auto" }, item.text),
      element("small", {}, `${author(item.actor)} · ${words(item.department)}, ${words(item.intent)} · `, timeOf(item.occurred_at)))))));
    if (focused) this.root.querySelector(`[data-urgent="${CSS.escape(focused)}"]`)?.focus();
  }
}
