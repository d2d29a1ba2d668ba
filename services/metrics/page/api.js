// Asks the metrics API under the page's own address; errors become sentences that say what to do.
export class Problem extends Error {}

export function address(path, query) {
  return `v1/${path}?${new URLSearchParams(query)}`;
}

export async function ask(path, query) {
  let answer;
  try {
    answer = await fetch(address(path, query), { headers: { Accept: "application/json" } });
  } catch {
    throw new Problem("Earshot cannot be reached. The figures stay as they were; this page tries again every minute.");
  }
  if (answer.status === 401) {
    location.assign(`signin?next=${encodeURIComponent(location.pathname + location.search)}`);
    throw new Problem("Please sign in again.");
  }
  if (answer.ok) return answer.json();
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 503) throw new Problem(`The store is away: ${said.detail ?? ""} This page tries again every minute.`);
  throw new Problem([said.detail, ...(said.errors ?? []).map((each) => each.detail)].filter(Boolean).join(" ") || `The answer was ${answer.status}.`);
}
