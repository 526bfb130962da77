// The page: joins the connection with the parts that show what comes.

import { Feed } from "./feed.js";
import { Scores } from "./scores.js";
import { outline, variable } from "./shapes.js";
import { Stage } from "./stage.js";
import { Timeline } from "./timeline.js";
import { Vitals } from "./vitals.js";
import { duration, facts, number, stateWord, word } from "./words.js";

const CURSOR_HIDDEN_AFTER_MS = 4000;
const SAID_EVERY_MS = 3000;
const TICK_MS = 250;
const PICTURE_WISH = "edge-fer picture";

const element = (name) => document.getElementById(name);

class App {
  constructor() {
    this.moment = null;
    this.momentAt = null;
    this.chosen = null;
    this.fault = "connecting";
    this.reason = "";
    this.news = "";
    this.said = { text: "", at: -Infinity };
    this.stage = new Stage(element("picture"), element("marks"), (track) => this.choose(track));
    this.scores = new Scores(element("scores"));
    this.timeline = new Timeline(element("timeline"), element("timeline-title"), facts.timeline_s);
    this.vitals = new Vitals(document);
    this.wish = facts.pictures && remembered() !== "off";
    element("toggle").hidden = !facts.pictures;
    element("toggle").addEventListener("click", () => this.toggle());
    this.feed = new Feed(facts.version, {
      open: () => this.opened(),
      closed: (reason) => this.closed(reason),
      status: (message) => this.status(message),
      moment: (moment, picture) => this.show(moment, picture),
    });
    document.addEventListener("visibilitychange", () => this.want());
    this.want();
    this.scores.build(["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]);
    this.scores.show(null);
    this.showFaces();
    setInterval(() => this.tick(), TICK_MS);
  }

  opened() {
    this.fault = null;
    this.recall();
  }

  closed(reason) {
    this.fault = reason;
    this.vitals.away(reason);
    this.tick();
  }

  status(message) {
    this.reason = message.health.reason ?? "";
    this.vitals.show(message);
  }

  async show(moment, picture) {
    const now = performance.now() / 1000;
    this.moment = moment;
    this.momentAt = now - moment.age_s;
    this.vitals.took(moment.stage_ms);
    this.timeline.see(this.momentAt, moment.faces);
    const face = this.face();
    await this.stage.show(moment, picture, face?.track ?? null);
    this.showFace(face);
    this.showFaces();
    this.showAge();
  }

  /** Return the face whose scores are shown: the chosen one while it is there, else the largest. */
  face() {
    const faces = this.moment?.faces ?? [];
    const chosen = faces.find((face) => face.track === this.chosen);
    const area = (face) => face.box[2] * face.box[3];
    return chosen ?? faces.reduce((best, face) => (!best || area(face) > area(best) ? face : best), null);
  }

  showFace(face) {
    const state = face?.state ?? null;
    const root = element("state");
    root.style.setProperty("--colour", state ? `var(${variable(state)})` : "var(--soft)");
    const other = root.dataset.state !== (state ?? "none");
    root.dataset.state = state ?? "none";
    element("state-glyph").setAttribute("d", outline(state ?? "unknown"));
    setText("state-word", state ? stateWord(state) : word("no_face"));
    if (this.scores.show(face?.scores ?? null) || other) {
      setText("state-hint", hint(face));
    }
    this.news = state ? stateWord(state) : word("no_face");
  }

  showFaces() {
    const faces = this.moment?.faces ?? [];
    const box = element("faces");
    box.hidden = faces.length < 2;
    const wanted = box.hidden ? [] : faces.slice(0, 6);
    const shown = [...box.children];
    if (shown.map((button) => button.dataset.track).join() !== wanted.map((face) => String(face.track)).join()) {
      const focused = document.activeElement?.dataset?.track;
      box.replaceChildren(...wanted.map((face) => this.faceButton(face)));
      box.querySelector(`[data-track="${focused}"]`)?.focus();
    }
    const current = this.face()?.track;
    for (const button of box.children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.track) === current));
    }
    const count = faces.length;
    const text = count === 0 ? word("no_face") : count === 1 ? word("one_face") : word("many_faces", { n: number(count) });
    const label = `${word("picture")}: ${text}`;
    if (element("marks").getAttribute("aria-label") !== label) {
      element("marks").setAttribute("aria-label", label);
    }
  }

  faceButton(face) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.track = face.track;
    button.textContent = number(face.track);
    button.setAttribute("aria-label", word("face", { n: number(face.track) }));
    button.addEventListener("click", () => this.choose(face.track));
    return button;
  }

  choose(track) {
    this.chosen = track === this.chosen ? null : track;
    const face = this.face();
    this.stage.selected = face?.track ?? null;
    this.stage.draw();
    this.showFace(face);
    this.showFaces();
  }

  /** Say how old the newest moment is, where it is old, and what is wrong. */
  showAge() {
    const age = this.momentAt === null ? null : performance.now() / 1000 - this.momentAt;
    const stale = age === null || age > facts.stale_after_s;
    document.body.classList.toggle("stale", stale || this.fault !== null);
    const veil = element("veil");
    veil.hidden = !stale && this.fault === null;
    if (veil.hidden) {
      return;
    }
    const old = age === null ? "" : word(this.picturesShown() ? "picture_old" : "values_old", { age: duration(age) });
    let loud = old || word("no_picture");
    let note = this.reason;
    if (this.fault !== null) {
      loud = word(this.fault);
      note = [old, this.fault === "connecting" ? "" : word("trying")].filter(Boolean).join(". ");
    }
    setText("veil-text", loud);
    setText("veil-note", note);
    this.stage.aged(age ?? 0);
    if (stale && age !== null) {
      this.momentOld();
    }
  }

  /** What was seen a while ago is no state of now. */
  momentOld() {
    if (this.moment?.faces.length) {
      this.moment = { ...this.moment, faces: [] };
      this.showFaces();
    }
    const root = element("state");
    root.dataset.state = "none";
    root.style.setProperty("--colour", "var(--soft)");
    element("state-glyph").setAttribute("d", outline("unknown"));
    setText("state-word", "–");
    setText("state-hint", "");
    this.scores.show(null);
  }

  tick() {
    const now = performance.now() / 1000;
    this.showAge();
    const fresh = this.momentAt !== null && now - this.momentAt <= facts.stale_after_s;
    this.timeline.data(now, fresh);
    this.timeline.draw(now);
    if (this.fault !== null) {
      this.news = word(this.fault);
    }
    this.say();
  }

  /** Tell the news to those who listen, not too often. */
  say() {
    const now = performance.now();
    if (this.news !== this.said.text && now - this.said.at > SAID_EVERY_MS) {
      this.said = { text: this.news, at: now };
      element("said").textContent = this.news;
    }
  }

  picturesShown() {
    return facts.pictures && this.wish;
  }

  toggle() {
    this.wish = !this.wish;
    remember(this.wish ? "on" : "off");
    this.want();
  }

  want() {
    this.feed.want(this.picturesShown() && document.visibilityState === "visible");
    element("numbers-only").hidden = this.picturesShown();
    const offer = word(this.wish ? "hide_picture" : "show_picture");
    setText("toggle-word", offer);
    element("toggle").setAttribute("aria-label", offer);
    element("stage").classList.toggle("bare", !this.picturesShown());
    this.stage.allow(this.picturesShown());
  }

  /** Fill the timeline with what the device has kept of the last minutes. */
  async recall() {
    if (this.recalled) {
      return;
    }
    this.recalled = true;
    const answer = await fetch("/api/events?limit=300", { cache: "no-store" }).catch(() => null);
    if (!answer?.ok) {
      return;
    }
    const { now, events } = await answer.json();
    const kept = [];
    for (const event of events) {
      const age_s = (Date.parse(now) - Date.parse(event.time)) / 1000;
      if (event.kind === "face" && age_s >= 0 && age_s <= facts.timeline_s) {
        kept.push({ ...event, age_s });
      }
    }
    this.timeline.remember(performance.now() / 1000, kept);
  }
}

function hint(face) {
  if (!face) {
    return "\u00a0";
  }
  if (face.seen !== "found") {
    return word(face.seen);
  }
  if (face.state === "unknown") {
    return word("unsure_hint");
  }
  const score = face.scores[face.state];
  return score === undefined ? "\u00a0" : word("score", { n: number(Math.round(score * 100)) });
}

function setText(name, text) {
  const target = element(name);
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

function remembered() {
  try {
    return localStorage.getItem(PICTURE_WISH);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function remember(wish) {
  try {
    localStorage.setItem(PICTURE_WISH, wish);
  } catch {
    // It holds until the page is loaded again.
  }
}

/** A cursor that rests hides something. */
function hideRestingCursor() {
  let timer = 0;
  const moved = () => {
    document.documentElement.classList.remove("resting");
    clearTimeout(timer);
    timer = setTimeout(() => document.documentElement.classList.add("resting"), CURSOR_HIDDEN_AFTER_MS);
  };
  addEventListener("pointermove", moved);
  addEventListener("keydown", moved);
  moved();
}

hideRestingCursor();
new App();
