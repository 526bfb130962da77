// The catalogue, in the language that the server chose, and numbers as that language writes them.

const facts = JSON.parse(document.getElementById("facts").textContent);

/** What the page knows of the device's settings. */
export { facts };

/** Return the text of a name, with {placeholders} filled. */
export function word(name, values = {}) {
  let text = facts.words[name] ?? name;
  for (const [key, value] of Object.entries(values)) {
    text = text.replace(`{${key}}`, value);
  }
  return text;
}

/** Return the word for a state; a label that the catalogue does not know stands for itself. */
export function stateWord(state) {
  return facts.words[`label_${state}`] ?? state;
}

/** Return a number with so many digits after the point. */
export function number(value, digits = 0) {
  return value.toLocaleString(facts.language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const STEPS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** Return a duration in its largest unit, as short as a figure: "12 min". */
export function shortDuration(seconds) {
  const [name, length] = STEPS.find(([, length]) => seconds >= length) ?? ["second", 1];
  return word(`short_${name}`, { n: number(Math.floor(seconds / length)) });
}

/** Return a duration in words, in its largest unit: "12 seconds". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [name, length] = STEPS.find(([, length]) => whole >= length * (length > 1 ? 2 : 1)) ?? ["second", 1];
  const count = Math.floor(whole / length);
  return word(count === 1 ? name : `${name}s`, { n: number(count) });
}
