// How the device is: frames a second, latency, temperature, and which of its parts work.

import { Health } from "./health.js";
import { number, shortDuration } from "./words.js";

const WINDOW_S = 5;
const LATENCIES = 20;

/** Shows the figures and the lamp. */
export class Vitals {
  constructor(root) {
    this.root = root;
    this.counts = [];
    this.latencies = [];
    this.health = new Health(root);
  }

  find(name) {
    return this.root.getElementById(name);
  }

  /** Note how long the stages of a frame took. */
  took(stages) {
    let sum = 0;
    for (const [stage, duration_] of Object.entries(stages)) {
      sum += stage === "capture" ? 0 : duration_; // most of it is waiting for the camera
    }
    this.latencies.push(sum);
    if (this.latencies.length > LATENCIES) {
      this.latencies.shift();
    }
  }

  /** Show a status message. */
  show(status) {
    const health = status.health;
    const name = this.health.show(health);
    this.showRate(health);
    const sorted = [...this.latencies].sort((one, other) => one - other);
    const median = sorted[sorted.length >> 1];
    this.find("latency").textContent = median === undefined || name === "no_frames" ? "–" : `${number(median, median < 10 ? 1 : 0)} ms`;
    this.find("temperature-box").hidden = status.temperature_c === null;
    if (status.temperature_c !== null) {
      this.find("temperature").textContent = `${number(status.temperature_c)} °C`;
    }
    this.find("running").textContent = health.running_s === undefined ? "–" : shortDuration(health.running_s);
  }

  /** Show that nothing is known. */
  away(reason) {
    this.counts = [];
    this.latencies = [];
    this.health.away(reason);
    for (const figure of ["fps", "latency", "temperature", "running"]) {
      this.find(figure).textContent = "–";
    }
  }

  showRate(health) {
    const rate = this.find("fps");
    if (health.frames === undefined) {
      rate.textContent = "–";
      return;
    }
    const last = this.counts.at(-1);
    if (last && health.running_s < last.at) {
      this.counts = []; // the service was started again
    }
    if (!last || health.running_s > last.at) {
      this.counts.push({ at: health.running_s, frames: health.frames });
    }
    while (this.counts.length > 2 && this.counts[0].at < health.running_s - WINDOW_S) {
      this.counts.shift();
    }
    const first = this.counts[0];
    const newest = this.counts.at(-1);
    const span = newest.at - first.at;
    rate.textContent = span > 0 ? number((newest.frames - first.frames) / span, 1) : "–";
  }
}
