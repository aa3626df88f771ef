// The colours of a terminal, made readable on light and on dark ground. Pure.
//
// Programs choose colours for the ground that their author had. Here a text keeps its hue and is made
// darker or lighter until it has a contrast of 4.5:1 on the ground that it stands on, in each theme.

import { createColorPalette } from "chef/ansi.js";

/** @import { Color, DecorationType } from "ansi-sequence-parser" */

/** @typedef {[red: number, green: number, blue: number]} Rgb each 0 to 255 */
/** @typedef {Record<"panel" | "hard" | "text" | "toward", Rgb>} Theme */

/**
 * A piece as a browser draws it: colours for both themes, empty where the line's own are kept.
 *
 * @typedef {{ color: string, backgroundColor: string, classes: string[] }} PieceStyle
 */

const READABLE = 4.5;
// A little more than what is asked for: browsers round.
const GOAL = 4.6;
const MOST_STYLES = 4_096;

// The grounds of static/chef.css. `hard` is the one, of those that a line can have (plain, pointed at, marked),
// on which text is hardest to read.
/** @type {Theme[]} */
export const THEMES = [
  { panel: "#ffffff", hard: "#e9eef5", text: "#17202c", toward: "#000000" },
  { panel: "#151a21", hard: "#3a3212", text: "#e4e9f0", toward: "#ffffff" },
].map(({ panel, hard, text, toward }) => ({
  panel: rgbOf(panel),
  hard: rgbOf(hard),
  text: rgbOf(text),
  toward: rgbOf(toward),
}));

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

/** @type {Map<string, PieceStyle>} */
const styles = new Map();

/**
 * The style of a piece as the parser describes it; null for plain text.
 *
 * @param {{ foreground: Color | null, background: Color | null, decorations: Set<DecorationType> }} piece
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

/** @param {Color | null} color */
function nameOf(color) {
  if (color === null) return "";
  if (color.type === "named") return color.name;
  return color.type === "table" ? color.index : color.rgb;
}

/** @param {Color | null} color */
function rgb(color) {
  const hex = color === null ? undefined : palette.value(color);
  return hex === undefined ? null : rgbOf(hex);
}

/**
 * @param {Rgb | null} foreground
 * @param {Rgb | null} background
 * @param {Set<DecorationType>} decorations
 * @returns {PieceStyle}
 */
function newStyle(foreground, background, decorations) {
  const classes = [...decorations]
    .filter((name) => !["reverse", "dim", "hidden"].includes(name))
    .map((name) => `sgr-${name}`);
  const isReverse = decorations.has("reverse");
  const isDim = decorations.has("dim");
  // Without a colour of its own text keeps that of its line: a warning stays one.
  const keepsColor = foreground === null && background === null && !isReverse && !isDim;
  const each = THEMES.map((theme) => colorsIn(theme, foreground, background, isReverse, isDim));
  const grounds = each.map(({ ground }) => ground && hexOf(ground));
  return {
    color: keepsColor ? "" : `light-dark(${each.map(({ text }) => hexOf(text)).join(", ")})`,
    backgroundColor: grounds[0] === null ? "" : `light-dark(${grounds.join(", ")})`,
    classes,
  };
}

/**
 * The text's colour and its ground in one theme; no ground where that is the line's.
 *
 * @param {Theme} theme
 * @param {Rgb | null} foreground
 * @param {Rgb | null} background
 * @param {boolean} isReverse
 * @param {boolean} isDim
 */
export function colorsIn(theme, foreground, background, isReverse, isDim) {
  let [text, ground] = [foreground ?? theme.text, background];
  if (isReverse) [text, ground] = [background ?? theme.panel, foreground ?? theme.text];
  const on = ground ?? theme.hard;
  if (isDim) text = mix(text, ground ?? theme.panel, 0.35);
  return { text: readable(text, on, theme.toward), ground };
}

/**
 * The colour next to `text`, in the direction of `toward` if that helps, that can be read on `ground`.
 *
 * @param {Rgb} text
 * @param {Rgb} ground
 * @param {Rgb} toward
 */
function readable(text, ground, toward) {
  if (contrast(text, ground) >= READABLE) return text;
  /** @type {Rgb[]} */
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

/**
 * @param {Rgb} one
 * @param {Rgb} other
 */
export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/**
 * How light a colour is, as WCAG counts.
 *
 * @param {Rgb} color
 */
function luminance(color) {
  const [red, green, blue] = color.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * @param {Rgb} from
 * @param {Rgb} to
 * @param {number} share of `to`
 * @returns {Rgb}
 */
function mix(from, to, share) {
  /** @param {0 | 1 | 2} index */
  const part = (index) => Math.round(from[index] + (to[index] - from[index]) * share);
  return [part(0), part(1), part(2)];
}

/**
 * @param {string} hex `#rrggbb`
 * @returns {Rgb}
 */
export function rgbOf(hex) {
  /** @param {number} start */
  const part = (start) => Number.parseInt(hex.slice(start, start + 2), 16);
  return [part(1), part(3), part(5)];
}

/** @param {Rgb} color */
function hexOf(color) {
  return `#${color.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
