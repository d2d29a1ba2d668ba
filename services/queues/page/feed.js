// The live stream: opens it after a position, keeps it open, and says how it is.

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;

export class Feed {
  // told: {item, removed, resync, presence, state}
  constructor(told) {
    this.told = told;
    this.position = null;
    this.wait = FIRST_WAIT_MS;
    addEventListener("online", () => this.source?.readyState !== EventSource.OPEN && this.open());
    addEventListener("offline", () => told.state("offline"));
  }

  start(position) {
    this.position = position;
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    const source = new EventSource(`v1/stream?last_event_id=${encodeURIComponent(this.position)}`);
    this.source = source;
    source.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.told.state("live");
    };
    for (const kind of ["item", "removed", "resync"]) {
      source.addEventListener(kind, (event) => {
        // Kept for the case that the browser gives up and we open a new source ourselves.
        this.position = event.lastEventId || this.position;
        this.told[kind](JSON.parse(event.data));
      });
    }
    // Carries no id: who looks is no place to go on from.
    source.addEventListener("presence", (event) => this.told.presence(JSON.parse(event.data)));
    source.onerror = () => this.failed(source);
  }

  failed(source) {
    this.told.state(navigator.onLine ? "reconnecting" : "offline");
    // A lost connection is opened again by the browser; after an error answer it gives up, and we go on.
    if (source.readyState === EventSource.CLOSED) {
      this.timer = setTimeout(() => this.open(), this.wait * (0.75 + Math.random() / 2));
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    }
  }
}
