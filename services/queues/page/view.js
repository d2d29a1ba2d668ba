// What is looked at: filters and the open post, kept in the address so that a view can be shared and reloaded.

const NAMES = ["department", "intent", "sentiment", "surface", "state"];
const ORDERS = ["priority", "at_risk", "oldest"];
const OPEN_STATES = ["new", "claimed"];

export class View {
  constructor(changed) {
    this.changed = changed;
    this.read();
    addEventListener("popstate", () => {
      this.read();
      changed();
    });
  }

  read() {
    const parameters = new URLSearchParams(location.search);
    this.chosen = Object.fromEntries(NAMES.map((name) => [name, parameters.get(name) || ""]));
    this.order = ORDERS.includes(parameters.get("order")) ? parameters.get("order") : "";
    this.item = parameters.get("item") || "";
  }

  set(changes) {
    const before = this.address();
    for (const [name, value] of Object.entries(changes)) {
      if (name === "item" || name === "order") this[name] = value;
      else this.chosen[name] = value;
    }
    if (this.address() === before) return;
    history.pushState(null, "", this.address());
    this.changed();
  }

  clear() {
    this.set(Object.fromEntries(NAMES.map((name) => [name, ""])));
  }

  address() {
    const parameters = new URLSearchParams();
    for (const name of NAMES) if (this.chosen[name]) parameters.set(name, this.chosen[name]);
    if (this.order) parameters.set("order", this.order);
    if (this.item) parameters.set("item", this.item);
    return parameters.size ? `?${parameters}` : location.pathname;
  }

  // The filter as the API takes it: lists of accepted values.
  filter() {
    const filter = {};
    for (const name of NAMES) {
      const value = this.chosen[name];
      if (name === "state") {
        if (value !== "all") filter.state = value ? [value] : OPEN_STATES;
      } else if (value) filter[name] = [value];
    }
    return filter;
  }

  matches(item) {
    return Object.entries(this.filter()).every(([name, values]) => values.includes(item[name]));
  }

  narrowed() {
    return NAMES.filter((name) => this.chosen[name]);
  }
}
