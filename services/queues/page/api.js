// The queues API as functions; addresses are relative, so the page works behind any prefix.

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || `The queues service answered ${status}.`);
    this.status = status;
    this.problem = problem;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new ApiError(0, { detail: "The queues service cannot be reached." });
  }
  if (answer.status === 401) {
    location.assign(`signin?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  const body = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, body);
  return body;
}

export const queues = () => ask("v1/queues");

export function items(filter, order, after = null, limit = 200) {
  const parameters = new URLSearchParams({ limit: String(limit), order });
  for (const [name, values] of Object.entries(filter)) {
    for (const value of values) parameters.append(name, value);
  }
  if (after) parameters.set("after", after);
  return ask(`v1/items?${parameters}`);
}

export const item = (name) => ask(`v1/items/${encodeURIComponent(name)}`);

export const look = (name, agent) => ask(`v1/items/${encodeURIComponent(name)}/presence`, {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ agent }),
});

// Not crypto.randomUUID: that exists only on secure origins, and a wall screen may be plain HTTP in an office.
const onceKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join("-");

export function command(held, action, body) {
  return ask(`v1/items/${encodeURIComponent(held.item)}/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "If-Match": `"${held.version}"`, "Idempotency-Key": onceKey() },
    body: JSON.stringify(body),
  });
}
