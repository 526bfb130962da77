// The page of the driver monitor: one word for now, what is raised, and what was raised before.

import { Feed } from "./feed.js";
import { Health } from "./health.js";
import { Measures } from "./measures.js";
import { LAMPS, glyph } from "./shapes.js";
import { duration, facts, number, shortDuration, word } from "./words.js";

const TICK_MS = 500;
/** A state has to last so long until it is said: a glance into the mirror is no news. */
const SAID_AFTER_MS = 2000;
const LEVELS = ["advice", "notice", "warning", "alarm"];
/** From which level on an alert is one, and from which on it is red. */
const FIRST_ALERT = 1;
const FIRST_RED = 2;
/** A letter i. */
const ADVICE = "M12 1a11 11 0 1 1 0 22 11 11 0 0 1 0-22Zm-1.4 9v8h2.8v-8Zm0-4.2v2.6h2.8V5.8Z";
const GLYPHS = { attentive: LAMPS.ok, away: LAMPS.degraded, no_face: LAMPS.degraded };
/** Return a kind or a state as the catalogue has it. */
const key = (text) => text.replaceAll(" ", "_");

const element = (name) => document.getElementById(name);

class Drive {
  constructor() {
    this.driver = null;
    this.recent = null;
    this.fault = "connecting";
    this.reason = "";
    this.news = { text: "", since: 0, said: "" };
    this.health = new Health(document);
    this.measures = new Measures(element("measures"), facts.drive);
    this.feed = new Feed(facts.version, {
      open: () => this.opened(),
      closed: (reason) => this.closed(reason),
      status: (message) => this.status(message),
      moment: (moment) => this.take(moment.driver),
    });
    setInterval(() => this.tick(), TICK_MS);
    this.show();
  }

  opened() {
    this.fault = null;
  }

  closed(reason) {
    this.fault = reason;
    this.driver = null;
    this.health.away(reason);
    this.show();
  }

  status(message) {
    this.reason = message.health.reason ?? "";
    this.health.show(message.health);
    const driver = message.health.driver;
    if (driver) {
      const now = performance.now() / 1000;
      this.recent = driver.recent.map((one) => ({ ...one, at: now - one.age_s }));
      this.take(driver);
      this.list();
    }
  }

  /** Take what is known of the driver, unless something newer has come already. */
  take(driver) {
    const again = driver && this.driver && driver.at_s < this.driver.at_s - 60; // the service was started again
    if (driver && (!this.driver || again || driver.at_s >= this.driver.at_s)) {
      this.driver = driver;
      this.show();
    }
  }

  show() {
    const driver = this.driver;
    const state = key(driver?.shows ?? "cannot monitor");
    const root = element("now");
    root.dataset.state = driver ? state : "away_from_device";
    element("now-glyph").setAttribute("d", GLYPHS[state] ?? LAMPS.unknown);
    setText("now-word", this.fault ? word(this.fault) : driver ? word(`drive_${state}`) : word("drive_cannot_monitor"));
    setText("now-hint", this.hint(state));
    this.measures.show(driver?.shows === "stale" ? null : driver);
    this.raise();
    this.tell(element("now-word").textContent);
  }

  hint(state) {
    if (this.fault) {
      return this.fault === "connecting" ? "" : word("trying");
    }
    if (!this.driver) {
      return this.reason;
    }
    if (state === "stale") {
      return this.reason || word("drive_why_stale");
    }
    if (this.driver.why) {
      return word(`drive_why_${this.driver.why}`);
    }
    const learned = this.driver.learned ?? 1;
    return learned < 1 ? word("drive_learning", { n: number(Math.floor(learned * 100)) }) : "";
  }

  /** Show the loudest of what is raised, and cry out what is new. */
  raise() {
    // Of several that are as loud, the last one.
    const raised = Object.entries(this.driver?.raised ?? {}).reverse();
    raised.sort(([, one], [, other]) => LEVELS.indexOf(other) - LEVELS.indexOf(one));
    const banner = element("banner");
    const loudest = raised[0];
    banner.hidden = !loudest;
    const level = loudest ? LEVELS.indexOf(loudest[1]) : -1;
    document.documentElement.dataset.level = loudest?.[1] ?? "none";
    if (loudest) {
      const words = word(`drive_alert_${key(loudest[0])}`);
      element("banner-glyph").setAttribute("d", level >= FIRST_ALERT ? LAMPS.degraded : ADVICE);
      setText("banner-words", words);
      setText("banner-level", word(`drive_level_${loudest[1]}`));
    }
    // A screen reader interrupts what it says for an alarm, and waits with everything else.
    setText("cried", level >= FIRST_RED ? element("banner-words").textContent : "");
  }

  /** Say what lasts to those who listen. */
  tell(text) {
    const now = performance.now();
    const level = document.documentElement.dataset.level;
    const banner = level === "notice" || level === "advice" ? `${element("banner-words").textContent} ` : "";
    const news = banner + text;
    if (news !== this.news.text) {
      this.news = { ...this.news, text: news, since: now };
    }
    if (this.news.said !== news && (banner || now - this.news.since >= SAID_AFTER_MS)) {
      this.news.said = news;
      element("said").textContent = news;
    }
  }

  tick() {
    this.tell(element("now-word").textContent);
    this.since();
  }

  /** Say how long ago the last alert was. */
  since() {
    if (!this.recent) {
      return;
    }
    const last = this.recent.find((one) => LEVELS.indexOf(one.level) >= FIRST_ALERT);
    const now = performance.now() / 1000;
    setText("since", last ? word("drive_since", { age: duration(now - last.at - (last.lasted_s ?? 0)) }) : word("drive_none_yet"));
    element("since").hidden = last?.lasted_s === null;
  }

  list() {
    this.since();
    const rows = this.recent.map((one) => ({ one, text: rowText(one) }));
    const wanted = rows.map((row) => row.text.join("\n")).join("\n\n");
    if (wanted !== this.listed) {
      this.listed = wanted;
      element("alerts").replaceChildren(...rows.map((row) => item(row.one, row.text)));
    }
  }
}

/** Return the words of an alert, and when it was. */
function rowText(one) {
  const lasted = one.lasted_s === null ? word("drive_still") : word("drive_for", { age: shortDuration(Math.max(1, one.lasted_s)) });
  const ago = word("drive_ago", { age: shortDuration(one.age_s) });
  return [word(`drive_alert_${key(one.kind)}`), `${word(`drive_level_${one.level}`)} · ${ago} · ${lasted}`];
}

function item(one, [words, more]) {
  const row = document.createElement("li");
  row.dataset.level = one.level;
  row.append(glyph(LEVELS.indexOf(one.level) >= FIRST_ALERT ? LAMPS.degraded : ADVICE));
  const text = document.createElement("p");
  text.textContent = words;
  const small = document.createElement("span");
  small.textContent = more;
  text.append(small);
  row.append(text);
  return row;
}

function setText(name, text) {
  const target = element(name);
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

new Drive();
