// Who is looking at which post: told by the stream, and said by this page for the post that is open.

import * as api from "./api.js";

const REPEAT_MS = 30_000;

export class Presence {
  // agent() is the own name or "", open() the open post or "", changed(item) redraws.
  constructor({ agent, open, changed }) {
    this.agent = agent;
    this.open = open;
    this.changed = changed;
    this.looking = new Map();
    setInterval(() => this.say(), REPEAT_MS);
  }

  heard({ item, agents }) {
    if (agents.length) this.looking.set(item, agents);
    else this.looking.delete(item);
    this.changed(item);
  }

  words(item) {
    const others = (this.looking.get(item) || []).filter((name) => name !== this.agent());
    return others.length ? `${others.join(", ")} ${others.length === 1 ? "is" : "are"} looking` : "";
  }

  async say() {
    const item = this.open();
    if (!item || !this.agent() || document.hidden) return;
    try {
      this.heard(await api.look(item, this.agent()));
    } catch {
      // Said again in half a minute; nothing depends on it.
    }
  }
}
