// The last thing one did, to be taken back within ten seconds: a claim by a release, a label by the label before.

const LASTS_MS = 10_000;
const DONE = { claim: "Claimed", release: "Released", resolve: "Resolved", snooze: "Snoozed", label: "Label corrected" };

// Returns what takes an action back, as [action, body], or null when nothing does.
export function inverse(before, action, agent) {
  if (action === "label") {
    return ["label", { department: before.department, intent: before.intent, sentiment: before.sentiment }];
  }
  const mine = before.state === "claimed" && before.owner === agent;
  if (!DONE[action] || (action === "claim" && mine)) return null;
  if (mine) return ["claim", {}];
  return before.state === "new" ? ["release", {}] : null;
}

export class Undo {
  constructor(take) {
    this.take = take;
    this.root = document.getElementById("undo");
    document.getElementById("undo-button").addEventListener("click", () => this.use());
  }

  offer(action, after, back) {
    if (!back) return;
    this.last = { after, back };
    document.getElementById("undo-text").textContent = `${DONE[action]}.`;
    this.root.hidden = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.clear(), LASTS_MS);
  }

  clear() {
    this.last = null;
    this.root.hidden = true;
  }

  use() {
    const { last } = this;
    this.clear();
    if (last) this.take(last.after, ...last.back);
  }
}
