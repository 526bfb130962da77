// A shape and a colour for every state: no state is told by its colour alone.

const SHAPES = {
  angry: "M12 2.5 22.5 21h-21Z",
  disgust: "M4 4h16v16H4Z",
  fear: "M12 1 23 12 12 23 1 12Z",
  happy: "M12 2a10 10 0 1 1 0 20 10 10 0 0 1 0-20Z",
  sad: "M12 21.5 1.5 3h21Z",
  surprise: "m12 1 3.2 7 7.6.8-5.7 5.1 1.6 7.5L12 17.6l-6.7 3.8 1.6-7.5L1.2 8.8 8.8 8Z",
  neutral: "M4.5 8h15a4 4 0 0 1 0 8h-15a4 4 0 0 1 0-8Z",
  contempt: "M7 3h10l5 9-5 9H7l-5-9Z",
  unknown: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm0 4a6 6 0 1 1 0 12 6 6 0 0 1 0-12Z",
};
const OTHERS = ["contempt", "fear", "disgust", "surprise"];

/** Shapes for how the device is. */
export const LAMPS = {
  ok: "M12 1a11 11 0 1 1 0 22 11 11 0 0 1 0-22Zm-1.5 12.7L7.2 10.4 5.5 12.1l5 5 8-8-1.7-1.7Z",
  degraded: "M12 1.5 23.5 22H.5Zm-1.2 7v6h2.4v-6Zm0 8v2.4h2.4v-2.4Z",
  unknown: "M7.5 1h9L23 7.5v9L16.5 23h-9L1 16.5v-9Zm.2 5L6 7.7 10.3 12 6 16.3 7.7 18l4.3-4.3 4.3 4.3 1.7-1.7-4.3-4.3L18 7.7 16.3 6 12 10.3Z",
};

/** Return the name under which a state's shape and colour are known. */
function known(state) {
  if (state in SHAPES) {
    return state;
  }
  let sum = 0;
  for (const character of state) {
    sum += character.codePointAt(0);
  }
  return OTHERS[sum % OTHERS.length];
}

/** Return the outline of a state's shape, in a square of 24. */
export function outline(state) {
  return SHAPES[known(state)];
}

const paths = new Map();

/** Return the same for a canvas. */
export function path(state) {
  const name = known(state);
  if (!paths.has(name)) {
    paths.set(name, new Path2D(SHAPES[name]));
  }
  return paths.get(name);
}

/** Return the name of the style's variable that holds a state's colour. */
export function variable(state) {
  return `--${known(state)}`;
}

let colours = new Map();

/** Return a variable of the style as a canvas needs it. */
export function colour(name) {
  if (!colours.has(name)) {
    colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  }
  return colours.get(name);
}

// Light and dark may change while the page is open.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colours = new Map();
});

/** Return an svg element with a shape. */
export function glyph(outline_) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", outline_);
  shape.setAttribute("fill-rule", "evenodd");
  svg.append(shape);
  return svg;
}
