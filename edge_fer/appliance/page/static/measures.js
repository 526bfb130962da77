// What level 2 measures: where the head points, how far the eyes are open, and for how much of a minute they were not.

import { number, word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
/** At the edge of the dial. */
const FARTHEST_DEG = 45;
const RADIUS = 40;
/** Smaller angles are none. */
const STRAIGHT_DEG = 5;
/** Numbers that change ten times a second can be neither read nor said. */
const NUMBERS_EVERY_MS = 500;

/** Shows measures; nothing where the level has none. */
export class Measures {
  constructor(root, drive) {
    this.root = root;
    this.at = -Infinity;
    root.hidden = drive.level < 2;
    if (root.hidden) {
      return;
    }
    this.head = this.dial();
    this.eyes = drive.eyes ? this.meter("drive_eyes") : null;
    this.perclos = drive.eyes ? this.meter("drive_perclos") : null;
  }

  /** Show what is measured of the driver; null shows that nothing is. */
  show(driver) {
    if (this.root.hidden) {
      return;
    }
    const now = performance.now();
    const writes = now - this.at >= NUMBERS_EVERY_MS || !driver;
    this.at = writes ? now : this.at;
    this.showHead(driver?.yaw_deg, driver?.pitch_deg, writes);
    for (const [meter, share] of [[this.eyes, driver?.eyes_open], [this.perclos, driver?.perclos]]) {
      if (meter) {
        showShare(meter, share, writes);
      }
    }
  }

  showHead(yaw, pitch, writes) {
    const known = yaw !== undefined && pitch !== undefined;
    this.head.dot.setAttribute("visibility", known ? "visible" : "hidden");
    if (known) {
      const distance = Math.hypot(yaw, pitch);
      const scale = RADIUS / Math.max(FARTHEST_DEG, distance);
      this.head.dot.setAttribute("cx", yaw * scale);
      this.head.dot.setAttribute("cy", pitch * scale);
    }
    if (writes) {
      const text = known ? directions(yaw, pitch) : word("drive_head_unknown");
      this.head.value.textContent = text;
      this.head.svg.setAttribute("aria-label", `${word("drive_head")}: ${text}`);
    }
  }

  dial() {
    const box = part("div", "measure head");
    const svg = shape("svg", { viewBox: "-50 -50 100 100", role: "img" });
    svg.append(
      shape("circle", { r: RADIUS, class: "ring" }),
      shape("circle", { r: (RADIUS * 20) / FARTHEST_DEG, class: "ring" }),
      shape("path", { d: "M-46 0h92M0-46v92", class: "ring" }),
    );
    const dot = shape("circle", { r: 7, class: "dot" });
    svg.append(dot);
    const value = part("p", "value");
    value.setAttribute("aria-hidden", "true");
    box.append(svg, label("drive_head"), value);
    this.root.append(box);
    return { svg, dot, value };
  }

  meter(name) {
    const box = part("div", "measure");
    const meter = part("span", "meter");
    meter.setAttribute("role", "meter");
    meter.setAttribute("aria-label", word(name));
    meter.setAttribute("aria-valuemin", "0");
    meter.setAttribute("aria-valuemax", "100");
    const bar = part("span", "bar");
    meter.append(bar);
    const value = part("p", "value");
    value.setAttribute("aria-hidden", "true");
    box.append(label(name), value, meter);
    this.root.append(box);
    return { meter, bar, value };
  }
}

function showShare({ meter, bar, value }, share, writes) {
  bar.style.setProperty("--score", share ?? 0);
  if (writes) {
    const percent = share === undefined ? null : Math.round(share * 100);
    value.textContent = percent === null ? "–" : `${number(percent)} %`;
    meter.setAttribute("aria-valuenow", percent ?? 0);
    meter.setAttribute("aria-valuetext", percent === null ? word("drive_head_unknown") : value.textContent);
  }
}

function directions(yaw, pitch) {
  const parts = [];
  if (Math.abs(yaw) >= STRAIGHT_DEG) {
    parts.push(word(yaw < 0 ? "drive_left" : "drive_right", { n: number(Math.abs(Math.round(yaw))) }));
  }
  if (Math.abs(pitch) >= STRAIGHT_DEG) {
    parts.push(word(pitch < 0 ? "drive_up" : "drive_down", { n: number(Math.abs(Math.round(pitch))) }));
  }
  return parts.join(", ") || word("drive_straight");
}

function part(tag, name) {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

function label(name) {
  const made = part("p", "name");
  made.textContent = word(name);
  made.setAttribute("aria-hidden", "true");
  return made;
}

function shape(tag, values) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(values)) {
    made.setAttribute(name, value);
  }
  return made;
}
