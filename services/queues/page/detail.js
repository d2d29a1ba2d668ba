// One post: its labels, its conversation, its history, and what can be done with it.

import * as api from "./api.js";
import { author, element, timeOf, words } from "./format.js";
import { chips } from "./list.js";
import { inverse } from "./undo.js";

const RENEW_MS = 240_000;
const SNOOZE_MS = 3_600_000;
const AGENT = "earshot.agent";

export class Detail {
  constructor({ closed, labels, say, looking, done }) {
    this.looking = looking;
    this.done = done;
    this.root = document.getElementById("detail");
    this.closed = closed;
    this.labels = labels;
    this.say = say;
    this.name = "";
    this.held = null;
    setInterval(() => this.mine() && this.send(this.held, "claim", {}, { offer: false }), RENEW_MS);
  }

  get agent() {
    return localStorage.getItem(AGENT) || "";
  }

  mine() {
    return this.held?.state === "claimed" && this.held.owner === this.agent;
  }

  async show(name) {
    if (this.name === name && this.held) return;
    this.name = name;
    this.held = null;
    this.root.hidden = !name;
    document.body.classList.toggle("detailed", Boolean(name));
    if (!name) return this.root.replaceChildren();
    this.root.replaceChildren(element("p", { class: "empty" }, "Loading …"));
    await this.load();
    this.root.querySelector("h2")?.focus();
  }

  async load() {
    const { name } = this;
    try {
      const held = await api.item(name);
      if (this.name === name) this.draw(held);
    } catch (error) {
      if (this.name === name) this.fail(error);
    }
  }

  // The stream told a change: of this post, or of its conversation.
  heard(item) {
    if (!this.held) return;
    const own = item.item === this.name;
    if (own ? item.version > this.held.version : item.conversation_id && item.conversation_id === this.held.conversation_id) {
      clearTimeout(this.again);
      this.again = setTimeout(() => this.load(), 200);
    }
  }

  removed(name) {
    if (name === this.name) this.fail(new Error("The post was deleted on its platform."));
  }

  fail(error) {
    this.held = null;
    this.root.replaceChildren(this.head("Post"), element("p", { class: "empty", role: "alert" }, error.message));
  }

  head(title) {
    return element("div", { class: "bar" },
      element("h2", { id: "detail-title", tabindex: "-1" }, title),
      element("button", { type: "button", class: "close", "aria-keyshortcuts": "Escape", onclick: () => this.closed() }, "Close"));
  }

  draw(held) {
    // Half-written notes survive a redraw.
    const draft = this.root.querySelector("#note")?.value || "";
    const unfolded = this.held?.item === held.item && this.root.querySelector(".urgency")?.open;
    const focused = this.root.contains(document.activeElement) ? document.activeElement.id : "";
    this.held = held;
    this.root.replaceChildren(
      this.head(author(held.actor)),
      element("div", { class: "line chips" }, ...chips(held).filter(Boolean)),
      element("p", { id: "looking", class: "facts", role: "status" }, this.looking(held.item)),
      this.facts(held),
      this.urgency(held),
      this.actions(held),
      this.conversation(held),
      this.relabel(held),
      this.note(draft),
      ...this.elsewhere(held),
      ...this.history(held),
    );
    const urgency = this.root.querySelector(".urgency");
    if (urgency && unfolded) urgency.open = true;
    if (focused) document.getElementById(focused)?.focus();
  }

  facts(held) {
    const followers = held.actor.followers;
    return element("p", { class: "facts" },
      held.actor.handle ? `@${held.actor.handle} ` : "", `on ${held.channel} · `, timeOf(held.occurred_at),
      followers === null || followers === undefined ? "" : ` · ${followers.toLocaleString()} followers`,
      ` · ${Math.round(held.probability * 100)} % sure`,
      held.labelled_by ? ` · labelled by ${held.labelled_by}` : "",
      safe(held.url) && " · ", safe(held.url) && element("a", { href: held.url, rel: "noreferrer noopener", target: "_blank" }, "original"));
  }

  looked(item) {
    const shown = this.root.querySelector("#looking");
    if (shown && item === this.name) shown.textContent = this.looking(item);
  }

  urgency(held) {
    if (!held.priority && !held.due_at) return "";
    const due = held.due_at ? [held.at_risk && held.seconds_left < 0 ? " · overdue since " : " · answer due ", timeOf(held.due_at)] : [];
    return element("details", { class: "urgency" },
      element("summary", {}, `Priority ${held.priority}${held.at_risk ? ", at risk" : ""}`, ...due),
      element("ul", {}, ...held.priority_reasons.map((each) => element("li", {}, `${each.reason}: ${each.points}`))));
  }

  elsewhere(held) {
    if (!held.author_posts.length) return [];
    const posts = held.author_posts.map((post) => element("li", {},
      element("div", { class: "line" }, element("span", { class: "channel" }, `on ${post.channel}`), timeOf(post.occurred_at)),
      element("p", { dir: "auto" }, post.text)));
    return [element("section", {}, element("h3", {}, "Other posts of this author"), element("ol", { class: "elsewhere" }, ...posts))];
  }

  // Puts the cursor into a field of the open post; false leaves the key to the browser.
  edit(id) {
    const field = this.root.querySelector(`#${id}`);
    if (!field) return false;
    const folded = field.closest("details");
    if (folded) folded.open = true;
    field.focus();
    return true;
  }

  actions(held) {
    const button = (id, label, action, body) =>
      element("button", { type: "button", id, onclick: () => this.act(action, body?.()) }, label);
    const taken = held.state === "claimed" && !this.mine();
    return element("div", { class: "actions", role: "group", "aria-label": "Actions" },
      this.mine() ? button("act-claim", "Release (c)", "release") : button("act-claim", "Claim (c)", "claim"),
      button("act-resolve", "Resolve (r)", "resolve"),
      button("act-snooze", "Snooze 1 h (s)", "snooze", inAnHour),
      guess(held) && element("button", { type: "button", id: "act-accept", onclick: () => this.accept() },
        `To ${words(held.suggested_department)}, ${words(held.suggested_intent)} (a)`),
      taken && element("p", { class: "held" }, `${held.owner} holds this post until `, timeOf(held.lease_until), "."));
  }

  conversation(held) {
    const posts = held.conversation.map((post) => element("li",
      { class: `${post.direction}${post.id === held.id ? " this" : ""}` },
      element("div", { class: "line" }, element("strong", {}, author(post.actor)),
        post.direction === "outbound" && element("span", { class: "chip" }, "us"),
        post.surface === "internal" && element("span", { class: "chip internal" }, "internal"), timeOf(post.occurred_at)),
      element("p", { dir: "auto" }, post.text)));
    return element("section", {}, element("h3", {}, "Conversation"), element("ol", { class: "conversation" }, ...posts));
  }

  relabel(held) {
    const known = this.labels();
    const field = (name, options) => element("label", { class: "field" }, `${name} `,
      element("input", { id: `label-${name}`, name, value: held[name], list: `known-${name}`, pattern: "[a-z][a-z0-9_]*", required: true }),
      element("datalist", { id: `known-${name}` }, ...options.map((value) => element("option", { value }))));
    const form = element("form", { class: "relabel" },
      field("department", known.departments), field("intent", known.intents),
      field("sentiment", ["negative", "neutral", "positive"]), element("button", { id: "label-save" }, "Correct"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const changed = [...new FormData(form)].filter(([name, value]) => value !== held[name] || held.unsure);
      if (changed.length) this.act("label", Object.fromEntries(changed));
    });
    return element("details", {}, element("summary", {}, "Wrong label?"), form);
  }

  note(draft) {
    const text = element("textarea", { id: "note", name: "text", rows: "2", maxlength: "4000", required: true });
    text.value = draft;
    const form = element("form", {}, element("label", { for: "note" }, "Note for colleagues"), text, element("button", { id: "note-save" }, "Add note"));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const written = text.value;
      text.value = "";
      if (!(await this.act("note", { text: written }))) document.getElementById("note").value = written;
    });
    return form;
  }

  history(held) {
    if (!held.history.length) return [];
    const lines = [...held.history].reverse().map((line) => element("li", {},
      timeOf(line.at), " ", element("b", {}, words(line.action)), line.agent ? ` by ${line.agent}` : "",
      ...Object.entries(line.detail).filter(([name, value]) => name !== "post" && value).map(([, value]) => element("q", {}, words(value)))));
    return [element("section", {}, element("h3", {}, "History"), element("ol", { class: "history" }, ...lines))];
  }

  toggleClaim() {
    return this.act(this.mine() ? "release" : "claim");
  }

  async act(action, body = {}) {
    return this.held ? this.send(this.held, action, body, { offer: true }) : false;
  }

  // Sends a command for a version of an item; `offer` offers to take it back.
  async send(held, action, body, { offer }) {
    const agent = this.agent || (await this.ask());
    if (!agent) return false;
    try {
      const after = await api.command(held, action, { agent, ...body });
      this.say(`${action}: done`);
      if (offer) this.done(action, after, inverse(held, action, agent));
      if (this.name === after.item) await this.load();
      return true;
    } catch (error) {
      this.say(error.message);
      // Somebody else was quicker: show what is true now, and keep the message in sight.
      if (this.name === held.item && [409, 412].includes(error.status)) await this.load();
      this.root.querySelector(".actions")?.append(element("p", { role: "alert", class: "held" }, error.message));
      return false;
    }
  }

  // Takes the classifier's best guess for what it was unsure of: one key instead of a form.
  accept() {
    return this.held && guess(this.held) ? this.act("label", guess(this.held)) : false;
  }

  snooze() {
    return this.act("snooze", inAnHour());
  }

  ask() {
    const dialog = document.getElementById("who");
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((done) => dialog.addEventListener("close", () => {
      const name = document.getElementById("agent").value.trim();
      if (dialog.returnValue === "save" && name) localStorage.setItem(AGENT, name);
      done(dialog.returnValue === "save" ? name : "");
    }, { once: true }));
  }
}

const guess = ({ unsure, suggested_department: department, suggested_intent: intent }) => unsure && department && intent && { department, intent };
const inAnHour = () => ({ until: new Date(Date.now() + SNOOZE_MS).toISOString() });
const safe = (url) => url !== null && /^https?:/i.test(url);
