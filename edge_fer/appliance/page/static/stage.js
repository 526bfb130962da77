// The picture, and what was found in it drawn over it.

import { colour, path, variable } from "./shapes.js";
import { number, stateWord } from "./words.js";

/** A picture that stands still would show somebody who has long gone. */
const BLANK_AFTER_S = 30;

/** Shows pictures in one canvas and boxes in another above it. Calls chosen(track) when a face is touched. */
export class Stage {
  constructor(picture, marks, chosen) {
    this.picture = picture;
    this.painter = picture.getContext("2d", { alpha: false });
    this.marks = marks;
    this.pen = marks.getContext("2d");
    this.moment = null;
    this.selected = null;
    this.blank = true;
    this.allowed = true;
    new ResizeObserver(() => this.draw()).observe(marks);
    marks.addEventListener("click", (event) => chosen(this.faceAt(event)));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Show a moment; a blob of a JPEG is its picture. */
  async show(moment, blob, selected) {
    if (blob) {
      const bitmap = await createImageBitmap(blob).catch(() => null); // a damaged picture is left out
      if (bitmap && this.allowed) {
        this.paint(bitmap);
      }
      bitmap?.close();
    }
    this.moment = moment;
    this.selected = selected;
    this.draw();
  }

  paint(bitmap) {
    if (this.picture.width !== bitmap.width || this.picture.height !== bitmap.height) {
      this.picture.width = bitmap.width;
      this.picture.height = bitmap.height;
    }
    this.painter.drawImage(bitmap, 0, 0);
    this.blank = false;
  }

  /** Say whether pictures may be shown; one that is under way is not, if they may not. */
  allow(pictures) {
    this.allowed = pictures;
    if (!pictures) {
      this.clear();
    }
    this.draw();
  }

  /** Take the picture away. */
  clear() {
    if (!this.blank) {
      this.blank = true;
      this.picture.width = this.picture.width; // the shortest way to an empty canvas
    }
    this.picture.hidden = this.blank;
  }

  /** Note how old the newest moment is. */
  aged(seconds) {
    if (seconds > BLANK_AFTER_S && this.moment) {
      this.clear();
      this.moment = null;
      this.draw();
    }
  }

  /** Return where the frame lies in the canvas, in its own pixels, and the scale of one pixel of the frame. */
  fit() {
    const ratio = devicePixelRatio || 1;
    const width = Math.round(this.marks.clientWidth * ratio);
    const height = Math.round(this.marks.clientHeight * ratio);
    if (this.marks.width !== width || this.marks.height !== height) {
      this.marks.width = width;
      this.marks.height = height;
    }
    const [frameWidth, frameHeight] = this.moment?.size ?? [4, 3];
    const scale = Math.min(width / frameWidth, height / frameHeight);
    return { scale, ratio, left: (width - frameWidth * scale) / 2, top: (height - frameHeight * scale) / 2 };
  }

  draw() {
    const place = this.fit();
    const pen = this.pen;
    pen.clearRect(0, 0, this.marks.width, this.marks.height);
    this.picture.hidden = this.blank;
    if (!this.moment) {
      return;
    }
    if (this.blank) {
      this.drawFrame(place);
    }
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) * place.ratio;
    // The selected face first: its label has the best place.
    const faces = [...this.moment.faces].sort((one, other) => Number(other.track === this.selected) - Number(one.track === this.selected));
    const taken = [];
    for (const face of faces) {
      this.drawFace(face, place, rem, taken);
    }
  }

  /** Without a picture: the frame's outline and a grid, so that places can still be read. */
  drawFrame({ scale, left, top, ratio }) {
    const [width, height] = this.moment.size;
    const pen = this.pen;
    pen.strokeStyle = colour("--line");
    pen.lineWidth = ratio;
    pen.beginPath();
    for (let part = 0; part <= 4; part += 1) {
      pen.moveTo(left + (part * width * scale) / 4, top);
      pen.lineTo(left + (part * width * scale) / 4, top + height * scale);
      pen.moveTo(left, top + (part * height * scale) / 4);
      pen.lineTo(left + width * scale, top + (part * height * scale) / 4);
    }
    pen.stroke();
  }

  drawFace(face, place, rem, taken) {
    const { scale, left, top } = place;
    const [x, y, width, height] = [
      left + face.box[0] * scale,
      top + face.box[1] * scale,
      face.box[2] * scale,
      face.box[3] * scale,
    ];
    const pen = this.pen;
    const main = face.track === this.selected;
    const shade = this.shade(face.state);
    pen.globalAlpha = face.seen === "bridged" ? 0.6 : 1;
    const corner = Math.min(width, height) * 0.22;
    // A dark line below a light one can be seen before anything.
    const below = this.blank ? colour("--panel") : "rgb(0 0 0 / 60%)";
    for (const [style, thickness] of [[below, main ? 0.42 : 0.3], [shade, main ? 0.24 : 0.13]]) {
      pen.strokeStyle = style;
      pen.lineWidth = thickness * rem;
      pen.lineCap = "round";
      pen.lineJoin = "round";
      corners(pen, x, y, width, height, corner);
    }
    this.drawLabel(face, { x, y, height }, rem, taken);
    pen.globalAlpha = 1;
  }

  /** Return the colour of a state's box: over a picture, a bright one whatever the scheme. */
  shade(state) {
    return this.blank ? colour(variable(state)) : bright(state);
  }

  drawLabel(face, box, rem, taken) {
    const pen = this.pen;
    const size = 1.15 * rem;
    pen.font = `600 ${size}px system-ui, sans-serif`;
    const several = this.moment.faces.length > 1;
    const text = several ? `${stateWord(face.state)} · ${number(face.track)}` : stateWord(face.state);
    const width = pen.measureText(text).width + size * 2.1;
    const height = size * 1.6;
    const left = Math.max(0, Math.min(box.x - 0.12 * rem, this.marks.width - width));
    const above = Math.max(0, box.y - height - 0.45 * rem);
    const covers = (other) => left < other.left + other.width && other.left < left + width && Math.abs(above - other.top) < height;
    const top = taken.some(covers) ? box.y + box.height + 0.45 * rem : above;
    taken.push({ left, top, width });
    pen.fillStyle = "rgb(8 12 16 / 82%)";
    pen.beginPath();
    pen.roundRect(left, top, width, height, height / 2);
    pen.fill();
    pen.save();
    pen.translate(left + size * 0.5, top + (height - size * 0.8) / 2);
    pen.scale((size * 0.8) / 24, (size * 0.8) / 24);
    pen.fillStyle = bright(face.state);
    pen.fill(path(face.state), "evenodd");
    pen.restore();
    pen.fillStyle = "#fff";
    pen.textBaseline = "middle";
    pen.fillText(text, left + size * 1.55, top + height / 2 + size * 0.04);
  }

  /** Return the track of the face that was touched, or null. */
  faceAt(event) {
    if (!this.moment) {
      return null;
    }
    const { scale, left, top, ratio } = this.fit();
    const x = (event.offsetX * ratio - left) / scale;
    const y = (event.offsetY * ratio - top) / scale;
    for (const face of this.moment.faces) {
      const [boxX, boxY, width, height] = face.box;
      if (x >= boxX && x <= boxX + width && y >= boxY && y <= boxY + height) {
        return face.track;
      }
    }
    return null;
  }
}

function bright(state) {
  return colour(`--bright-${variable(state).slice(2)}`);
}

function corners(pen, x, y, width, height, length) {
  const radius = length * 0.35;
  pen.beginPath();
  for (const [cornerX, cornerY, right, down] of [
    [x, y, 1, 1],
    [x + width, y, -1, 1],
    [x + width, y + height, -1, -1],
    [x, y + height, 1, -1],
  ]) {
    pen.moveTo(cornerX, cornerY + down * length);
    pen.arcTo(cornerX, cornerY, cornerX + right * length, cornerY, radius);
    pen.lineTo(cornerX + right * length, cornerY);
  }
  pen.stroke();
}
