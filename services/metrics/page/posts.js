// From any number to the posts behind it: a dialog over GET /v1/activities, in pages, with what the key may see.
import { address, ask, Problem } from "./api.js";
import { plain } from "./words.js";

const place = (id) => document.getElementById(id);
let asked = {};

export function showPosts(metric, query, where) {
  asked = { ...query, metric, limit: "50" };
  place("posts-title").textContent = `${plain(metric)}, ${where}`;
  place("posts-list").replaceChildren();
  place("posts-csv").href = address("activities", { ...asked, limit: "1000", format: "csv" });
  if (!place("posts").open) place("posts").showModal();
  page();
}

async function page(after) {
  const turn = asked, count = place("posts-count");
  count.textContent = "Loading…";
  place("posts-more").hidden = true;
  try {
    const answer = await ask("activities", after ? { ...asked, after } : asked);
    if (turn !== asked) return;
    const before = place("posts-list").children.length;
    place("posts-list").append(...answer.activities.map(row));
    count.textContent = answer.total ? `${place("posts-list").children.length} of ${answer.total}, newest first` :
      "Nothing is behind this number that your key may see.";
    place("posts-more").hidden = !answer.next;
    place("posts-more").onclick = () => page(answer.next);
    if (after) place("posts-list").children[before]?.focus();
  } catch (error) {
    if (turn === asked) count.textContent = error instanceof Problem ? error.message : `This could not be shown: ${error.message}`;
  }
}

function row(activity) {
  const line = document.createElement("li"), head = document.createElement("p"), said = document.createElement("p");
  line.tabIndex = -1;
  const who = activity.actor.name ?? activity.actor.handle ?? activity.actor.id;
  const labels = [activity.kind.replaceAll("_", " "), activity.channel, activity.department, activity.sentiment, activity.surface === "internal" && "internal"];
  head.textContent = `${new Date(activity.occurred_at).toLocaleString()} · ${who} · ${labels.filter(Boolean).join(" · ")}`;
  said.textContent = activity.text ?? "";
  line.append(head, said);
  const seen = activity.snapshots.map((each) => `${each.counter} ≈ ${each.value.toLocaleString()}`);
  if (activity.first_response_seconds !== null) seen.push(`answered after ${Math.round(activity.first_response_seconds / 60)} min`);
  if (seen.length) line.append(Object.assign(document.createElement("p"), { textContent: seen.join(" · ") }));
  if (activity.url) line.append(Object.assign(document.createElement("a"), { href: activity.url, textContent: "open on the channel", rel: "noreferrer", target: "_blank" }));
  return line;
}

place("posts-close").addEventListener("click", () => place("posts").close());
place("posts").addEventListener("click", (event) => { if (event.target === place("posts")) place("posts").close(); });
