// How the device is, in a lamp and a word, and which of its parts work.

import { LAMPS, glyph } from "./shapes.js";
import { duration, number, word } from "./words.js";

/** Shows the lamp, and the parts to who opens it. */
export class Health {
  constructor(root) {
    this.root = root;
    this.details = this.find("health");
    this.details.addEventListener("keydown", (event) => this.close(event));
    document.addEventListener("click", (event) => this.closeOutside(event));
    this.lamp("unknown", word("connecting"));
  }

  find(name) {
    return this.root.getElementById(name);
  }

  /** Show the health of a status message. Return the name of how it is. */
  show(health) {
    const name = ["ok", "degraded"].includes(health.status) ? health.status : "no_frames";
    this.lamp(name, word(`health_${name}`));
    this.showParts(health);
    return name;
  }

  /** Show that nothing is known. */
  away(reason) {
    this.lamp("unknown", word("health_unknown"));
    this.find("parts").replaceChildren(line("p", word(reason)));
  }

  lamp(name, text) {
    this.details.dataset.state = name;
    this.find("lamp").setAttribute("d", LAMPS[name] ?? LAMPS.unknown);
    this.find("health-word").textContent = text;
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
