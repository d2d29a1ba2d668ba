// A short tone for new posts: off until it is switched on, and at most one in three seconds.

const KEPT_AS = "earshot.sound";
const QUIET_MS = 3_000;

export class Sound {
  constructor() {
    this.button = document.getElementById("sound");
    this.button.addEventListener("click", () => this.toggle());
    this.draw();
  }

  get on() {
    return localStorage.getItem(KEPT_AS) === "on";
  }

  toggle() {
    localStorage.setItem(KEPT_AS, this.on ? "off" : "on");
    this.draw();
    this.ring();
  }

  draw() {
    this.button.setAttribute("aria-pressed", String(this.on));
    this.button.textContent = this.on ? "Sound on" : "Sound off";
  }

  ring() {
    const now = Date.now();
    if (!this.on || now - (this.at || 0) < QUIET_MS) return;
    this.at = now;
    this.context ||= new AudioContext();
    const tone = this.context.createOscillator();
    const volume = this.context.createGain();
    volume.gain.value = 0.05;
    tone.frequency.value = 660;
    tone.connect(volume).connect(this.context.destination);
    tone.start();
    tone.stop(this.context.currentTime + 0.15);
  }
}
