// The states of the last minutes: a lane a face, a block a state, with its shape and word in it.

import { colour, path, variable } from "./shapes.js";
import { duration, number, stateWord, word } from "./words.js";

const MOST_LANES = 4;
const MOST_BLOCKS = 600;
/** A face that is unseen for longer has gone. */
const GONE_AFTER_S = 1.5;
const SAID_EVERY_S = 10;

/** Keeps blocks of states and of times without data, and draws them. Times are seconds of the page's own clock. */
export class Timeline {
  constructor(canvas, title, spanS) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.spanS = spanS;
    this.blocks = [];
    this.gaps = [];
    this.saidAt = -Infinity;
    title.textContent = word("timeline", { span: duration(spanS) });
    this.title = title.textContent;
    new ResizeObserver(() => this.draw(performance.now() / 1000)).observe(canvas);
  }

  /** Note the faces of a moment. */
  see(now, faces) {
    for (const face of faces) {
      const block = this.open(face.track, now);
      if (block && block.state === face.state) {
        block.to = now;
        continue;
      }
      if (block) {
        block.to = now;
      }
      this.blocks.push({ track: face.track, state: face.state, from: now, to: now, lane: block?.lane ?? this.free(now) });
    }
    if (this.blocks.length > MOST_BLOCKS) {
      this.blocks.splice(0, this.blocks.length - MOST_BLOCKS);
    }
  }

  /** Note whether moments come. */
  data(now, comes) {
    const last = this.gaps.at(-1);
    if (!comes && last && last.to === null) {
      return;
    }
    if (!comes) {
      this.gaps.push({ from: now, to: null });
    } else if (last && last.to === null) {
      last.to = now;
    }
  }

  /** Take events that the device has kept, each with its age in seconds, from before the page was opened. */
  remember(now, events) {
    const open = new Map();
    const before = [];
    for (const event of events) {
      const at = now - event.age_s;
      const block = open.get(event.subject);
      if (block) {
        block.to = at;
      }
      open.delete(event.subject);
      if (event.after !== null) {
        const made = { track: trackOf(event.subject), state: event.after, from: at, to: now, lane: 0 };
        open.set(event.subject, made);
        before.push(made);
      }
    }
    const known = this.blocks.map((block) => block.track);
    for (const block of before) {
      // A face that the page has not seen since was gone when the service was restarted.
      if (block.to === now && !known.includes(block.track)) {
        block.to = block.from + GONE_AFTER_S;
      }
    }
    this.place(before);
    this.blocks = [...before, ...this.blocks].sort((one, other) => one.from - other.from).slice(-MOST_BLOCKS);
  }

  /** Give old blocks lanes in which they do not cover each other. */
  place(blocks) {
    const ends = [];
    const lanes = new Map(this.blocks.map((block) => [block.track, block.lane]));
    for (const block of blocks) {
      let lane = lanes.get(block.track);
      if (lane === undefined) {
        lane = ends.findIndex((end) => end <= block.from);
        lane = lane < 0 ? ends.length : lane;
        lanes.set(block.track, lane);
      }
      block.lane = lane;
      ends[lane] = block.to;
      for (let index = 0; index < ends.length; index += 1) {
        ends[index] ??= -Infinity;
      }
    }
  }

  open(track, now) {
    for (let index = this.blocks.length - 1; index >= 0; index -= 1) {
      const block = this.blocks[index];
      if (block.track === track) {
        return now - block.to <= GONE_AFTER_S ? block : null;
      }
    }
    return null;
  }

  free(now) {
    const taken = new Set();
    for (const block of this.blocks) {
      if (now - block.to <= GONE_AFTER_S) {
        taken.add(block.lane);
      }
    }
    let lane = 0;
    while (taken.has(lane)) {
      lane += 1;
    }
    return lane;
  }

  prune(now) {
    const oldest = now - this.spanS;
    this.blocks = this.blocks.filter((block) => block.to >= oldest);
    this.gaps = this.gaps.filter((gap) => gap.to === null || gap.to >= oldest);
  }

  /** Draw, with *now* at the right. */
  draw(now) {
    this.prune(now);
    const ratio = devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height) {
      return;
    }
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const rem = parseFloat(getComputedStyle(this.canvas).fontSize) * ratio;
    const axis = rem * 1.5;
    const view = { now, width, height: height - axis, rem, ratio, at: (time) => width * (1 - (now - time) / this.spanS) };
    this.pen.clearRect(0, 0, width, height);
    this.drawAxis(view, height);
    this.drawGaps(view);
    this.drawBlocks(view);
    this.say(now);
  }

  drawAxis(view, height) {
    const { pen } = this;
    const step = this.spanS > 600 ? 300 : this.spanS > 90 ? 60 : 15;
    pen.font = `${view.rem * 0.95}px system-ui, sans-serif`;
    pen.textBaseline = "alphabetic";
    pen.lineWidth = view.ratio;
    for (let ago = 0; ago <= this.spanS; ago += step) {
      const x = Math.min(Math.max(view.at(view.now - ago), view.ratio), view.width - view.ratio);
      pen.strokeStyle = colour("--line");
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, view.height);
      pen.stroke();
      const minutes = step >= 60;
      const label = ago === 0 ? word("now") : `−${word(minutes ? "minutes_ago" : "seconds_ago", { n: number(minutes ? ago / 60 : ago) })}`;
      pen.fillStyle = colour("--soft");
      pen.textAlign = ago === 0 ? "right" : ago + step > this.spanS && x < view.rem * 3 ? "left" : "center";
      pen.fillText(label, x, height - view.rem * 0.25);
    }
    pen.textAlign = "left";
  }

  drawGaps(view) {
    const { pen } = this;
    for (const gap of this.gaps) {
      const from = Math.max(0, view.at(gap.from));
      const to = view.at(gap.to ?? view.now);
      hatch(pen, from, 0, to - from, view.height, view.rem * 0.6, colour("--line"), view.ratio * 2);
      const text = word("no_data");
      pen.font = `${view.rem * 0.95}px system-ui, sans-serif`;
      if (pen.measureText(text).width + view.rem < to - from) {
        pen.textBaseline = "middle";
        pen.fillStyle = colour("--soft");
        pen.fillText(text, from + view.rem * 0.5, view.height / 2);
      }
    }
  }

  drawBlocks(view) {
    const used = this.blocks.reduce((most, block) => Math.max(most, block.lane + 1), 1);
    const lanes = Math.min(Math.max(used, 2), MOST_LANES);
    const gap = view.rem * 0.25;
    const height = (view.height - gap * (lanes + 1)) / lanes;
    for (const block of this.blocks) {
      if (block.lane < lanes) {
        const left = Math.max(0, view.at(block.from));
        const right = Math.max(left + view.ratio * 3, view.at(block.to));
        const top = gap + block.lane * (height + gap);
        this.drawBlock(block.state, { left, top, width: right - left - view.ratio, height }, view);
      }
    }
  }

  drawBlock(state, box, view) {
    const { pen } = this;
    const outline = new Path2D();
    outline.roundRect(box.left, box.top, box.width, box.height, Math.min(box.height * 0.22, box.width / 2, view.rem * 0.5));
    const unsure = state === "unknown";
    pen.fillStyle = colour(unsure ? "--panel" : variable(state));
    pen.fill(outline);
    if (unsure) {
      pen.save();
      pen.clip(outline);
      hatch(pen, box.left, box.top, box.width, box.height, view.rem * 0.45, colour("--line"), view.ratio * 1.5);
      pen.restore();
      pen.strokeStyle = colour("--soft");
      pen.lineWidth = view.ratio;
      pen.stroke(outline);
    }
    this.drawWord(state, box, view, unsure);
  }

  drawWord(state, box, view, unsure) {
    const { pen } = this;
    const size = Math.min(view.rem * 1.15, box.height * 0.62);
    const mark = size * 0.85;
    if (box.width < mark * 1.5) {
      return;
    }
    const ink = colour(unsure ? "--text" : "--on-state");
    const left = box.left + Math.min(size * 0.5, (box.width - mark) / 2);
    pen.font = `600 ${size}px system-ui, sans-serif`;
    const text = stateWord(state);
    const fits = pen.measureText(text).width + mark + size * 1.4 < box.width;
    if (unsure) {
      pen.fillStyle = colour("--panel");
      const cleared = fits ? pen.measureText(text).width + mark + size * 1.1 : mark + size * 0.4;
      pen.fillRect(left - size * 0.2, box.top + view.ratio, Math.min(cleared, box.width - 2 * view.ratio), box.height - 2 * view.ratio);
    }
    pen.save();
    pen.translate(left, box.top + (box.height - mark) / 2);
    pen.scale(mark / 24, mark / 24);
    pen.fillStyle = ink;
    pen.fill(path(state), "evenodd");
    pen.restore();
    if (fits) {
      pen.fillStyle = ink;
      pen.textBaseline = "middle";
      pen.fillText(text, left + mark + size * 0.4, box.top + box.height / 2 + size * 0.04);
    }
  }

  /** Tell the same in words, for those who do not see it. */
  say(now) {
    if (now - this.saidAt < SAID_EVERY_S) {
      return;
    }
    this.saidAt = now;
    const seconds = new Map();
    let sum = 0;
    for (const block of this.blocks) {
      const length = Math.min(now, block.to) - Math.max(now - this.spanS, block.from);
      seconds.set(block.state, (seconds.get(block.state) ?? 0) + length);
      sum += length;
    }
    const shares = [...seconds].sort((one, other) => other[1] - one[1]);
    const texts = shares.map(([state, length]) => word("timeline_share", { state: stateWord(state), n: number((length / sum) * 100) }));
    const told = sum > 0 ? texts.join(", ") : word("timeline_empty");
    this.canvas.setAttribute("aria-label", `${this.title}: ${told}`);
  }
}

function trackOf(subject) {
  return Number(subject.split(" ").at(-1));
}

function hatch(pen, left, top, width, height, step, style, thickness) {
  if (width <= 0) {
    return;
  }
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.clip();
  pen.strokeStyle = style;
  pen.lineWidth = thickness;
  pen.beginPath();
  const first = Math.floor((left - height) / step) * step;
  for (let x = first; x < left + width; x += step) {
    pen.moveTo(x, top + height);
    pen.lineTo(x + height, top);
  }
  pen.stroke();
  pen.restore();
}
