// The colours of a terminal, made readable on light and on dark ground. Pure.
//
// Programs choose colours for the ground that their author had. Here a text keeps its hue and is made
// darker or lighter until it has a contrast of 4.5:1 on the ground that it stands on, in each theme.

import { createColorPalette } from "chef/ansi.js";

const READABLE = 4.5;
// A little more than what is asked for: browsers round.
const GOAL = 4.6;
const MOST_STYLES = 4_096;

// The grounds of static/chef.css. `hard` is the one, of those that a line can have (plain, pointed at, marked),
// on which text is hardest to read.
export const THEMES = [
  { panel: "#ffffff", hard: "#e9eef5", text: "#17202c", toward: "#000000" },
  { panel: "#151a21", hard: "#3a3212", text: "#e4e9f0", toward: "#ffffff" },
].map((theme) => Object.fromEntries(Object.entries(theme).map(([name, hex]) => [name, rgbOf(hex)])));

const palette = createColorPalette({
  black: "#24292f",
  red: "#cf222e",
  green: "#1a7f37",
  yellow: "#b08800",
  blue: "#0969da",
  magenta: "#a626a4",
  cyan: "#1b7c83",
  white: "#c9d1d9",
  brightBlack: "#6e7781",
  brightRed: "#ff6b63",
  brightGreen: "#3fb950",
  brightYellow: "#e3b341",
  brightBlue: "#58a6ff",
  brightMagenta: "#d2a8ff",
  brightCyan: "#39c5cf",
  brightWhite: "#ffffff",
});

const styles = new Map();

/**
 * What a browser needs to draw a piece as the parser describes it: `{color, backgroundColor}`, each for
 * both themes, and `classes` for the rest. Null for plain text.
 */
export function styleOf({ foreground, background, decorations }) {
  if (foreground === null && background === null && decorations.size === 0) return null;
  const key = `${nameOf(foreground)}|${nameOf(background)}|${[...decorations].sort()}`;
  let style = styles.get(key);
  if (style === undefined) {
    if (styles.size >= MOST_STYLES) styles.clear();
    style = newStyle(rgb(foreground), rgb(background), decorations);
    styles.set(key, style);
  }
  return style;
}

function nameOf(color) {
  return color === null ? "" : (color.name ?? color.index ?? color.rgb);
}

function rgb(color) {
  const hex = color === null ? undefined : palette.value(color);
  return hex === undefined ? null : rgbOf(hex);
}

function newStyle(foreground, background, decorations) {
  const classes = [...decorations]
    .filter((name) => !["reverse", "dim", "hidden"].includes(name))
    .map((name) => `sgr-${name}`);
  const isReverse = decorations.has("reverse");
  const isDim = decorations.has("dim");
  // Without a colour of its own text keeps that of its line: a warning stays one.
  const keepsColor = foreground === null && background === null && !isReverse && !isDim;
  const each = THEMES.map((theme) => colorsIn(theme, foreground, background, isReverse, isDim));
  return {
    color: keepsColor ? "" : `light-dark(${each.map(({ text }) => hexOf(text)).join(", ")})`,
    backgroundColor:
      each[0].ground === null ? "" : `light-dark(${each.map(({ ground }) => hexOf(ground)).join(", ")})`,
    classes,
  };
}

/** The text's colour and its ground in one theme; no ground where that is the line's. */
export function colorsIn(theme, foreground, background, isReverse, isDim) {
  let [text, ground] = [foreground ?? theme.text, background];
  if (isReverse) [text, ground] = [background ?? theme.panel, foreground ?? theme.text];
  const on = ground ?? theme.hard;
  if (isDim) text = mix(text, ground ?? theme.panel, 0.35);
  return { text: readable(text, on, theme.toward), ground };
}

/** The colour next to `text`, in the direction of `toward` if that helps, that can be read on `ground`. */
function readable(text, ground, toward) {
  if (contrast(text, ground) >= READABLE) return text;
  const ends = [toward, [0, 0, 0], [255, 255, 255]];
  const end = ends.find((one) => contrast(one, ground) >= GOAL) ?? ends[0];
  let [low, high] = [0, 1];
  for (let step = 0; step < 8; step++) {
    const middle = (low + high) / 2;
    if (contrast(mix(text, end, middle), ground) < GOAL) low = middle;
    else high = middle;
  }
  return mix(text, end, high);
}

export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** How light a colour is, as WCAG counts. */
function luminance(color) {
  const [red, green, blue] = color.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function mix(from, to, share) {
  return from.map((value, index) => Math.round(value + (to[index] - value) * share));
}

export function rgbOf(hex) {
  return [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16));
}

function hexOf(color) {
  return `#${color.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
