// One bar a label.

import { glyph, outline, variable } from "./shapes.js";
import { number, stateWord, word } from "./words.js";

/** Numbers that change ten times a second cannot be read. */
const NUMBERS_EVERY_MS = 300;
const SAID_EVERY_MS = 2000;

/** Shows the scores of one face. */
export class Scores {
  constructor(list) {
    this.list = list;
    this.rows = new Map();
    this.numbersAt = 0;
    this.saidAt = 0;
  }

  /** Show a score for each label; null shows that there are none. Return whether numbers were written. */
  show(scores) {
    this.list.classList.toggle("none", !scores);
    if (!scores) {
      for (const row of this.rows.values()) {
        row.bar.style.setProperty("--score", 0);
        row.value.textContent = "";
        row.meter.setAttribute("aria-valuenow", "0");
        row.item.classList.remove("most");
      }
      this.numbersAt = 0;
      return true;
    }
    const labels = Object.keys(scores);
    if (labels.length !== this.rows.size || labels.some((label) => !this.rows.has(label))) {
      this.build(labels);
    }
    const now = performance.now();
    const writes = now - this.numbersAt > NUMBERS_EVERY_MS;
    const says = now - this.saidAt > SAID_EVERY_MS;
    const most = labels.reduce((best, label) => (scores[label] > scores[best] ? label : best));
    for (const label of labels) {
      const row = this.rows.get(label);
      row.bar.style.setProperty("--score", scores[label]);

      const percent = Math.round(scores[label] * 100);
      if (writes) {
        row.item.classList.toggle("most", label === most);
        row.value.textContent = `${number(percent)} %`;
      }
      if (says) {
        row.meter.setAttribute("aria-valuenow", percent);
      }
    }
    this.numbersAt = writes ? now : this.numbersAt;
    this.saidAt = says ? now : this.saidAt;
    return writes;
  }

  /** Make the rows. */
  build(labels) {
    this.rows = new Map();
    this.list.replaceChildren();
    this.numbersAt = 0;
    for (const label of labels) {
      const item = document.createElement("li");
      item.style.setProperty("--colour", `var(${variable(label)})`);
      const name = document.createElement("span");
      name.className = "name";
      name.textContent = stateWord(label);
      const meter = document.createElement("span");
      meter.className = "meter";
      meter.setAttribute("role", "meter");
      meter.setAttribute("aria-label", stateWord(label));
      meter.setAttribute("aria-valuemin", "0");
      meter.setAttribute("aria-valuemax", "100");
      meter.setAttribute("aria-valuenow", "0");
      const bar = document.createElement("span");
      bar.className = "bar";
      meter.append(bar);
      const value = document.createElement("span");
      value.className = "value";
      value.setAttribute("aria-hidden", "true");
      item.append(glyph(outline(label)), name, meter, value);
      this.list.append(item);
      this.rows.set(label, { item, meter, bar, value });
    }
    this.list.setAttribute("aria-label", word("scores"));
  }
}
