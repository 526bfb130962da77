// How the device is: frames a second, latency, temperature, and which of its parts work.

import { LAMPS, glyph } from "./shapes.js";
import { duration, number, shortDuration, word } from "./words.js";

const WINDOW_S = 5;
const LATENCIES = 20;

/** Shows the figures and the lamp. */
export class Vitals {
  constructor(root) {
    this.root = root;
    this.counts = [];
    this.latencies = [];
    this.details = this.find("health");
    this.details.addEventListener("keydown", (event) => this.close(event));
    document.addEventListener("click", (event) => this.closeOutside(event));
    this.lamp("unknown", word("connecting"));
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
    const name = ["ok", "degraded"].includes(health.status) ? health.status : "no_frames";
    this.lamp(name, word(`health_${name}`));
    this.showParts(health);
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
    this.lamp("unknown", word("health_unknown"));
    this.find("parts").replaceChildren(line("p", word(reason)));
    for (const figure of ["fps", "latency", "temperature", "running"]) {
      this.find(figure).textContent = "–";
    }
  }

  lamp(name, text) {
    this.details.dataset.state = name;
    this.find("lamp").setAttribute("d", LAMPS[name] ?? LAMPS.unknown);
    this.find("health-word").textContent = text;
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

  showParts(health) {
    const rows = [];
    for (const [name, part] of Object.entries(health.parts ?? {})) {
      const row = line("p", "");
      row.dataset.state = part.fault === null ? "ok" : "fault";
      row.append(glyph(part.fault === null ? LAMPS.ok : LAMPS.degraded));
      const text = document.createElement("span");
      text.append(line("b", name), ` ${part.fault ?? word("part_works")}, ${duration(part.since_s)}`);
      if (part.restarts > 0) {
        text.append(`, ${word("part_restarts", { n: number(part.restarts) })}`);
      }
      row.append(text);
      rows.push(row);
    }
    if (rows.length === 0) {
      rows.push(line("p", health.reason || word("health_ok")));
    }
    this.find("parts").replaceChildren(...rows);
  }

  close(event) {
    if (event.key === "Escape" && this.details.open) {
      this.details.open = false;
      this.details.querySelector("summary").focus();
    }
  }

  closeOutside(event) {
    if (this.details.open && !this.details.contains(event.target)) {
      this.details.open = false;
    }
  }
}

function line(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
