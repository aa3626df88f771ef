// A log line as pieces to draw: escapes away, then colours, then links and what is searched for. Pure.
//
// Of what a terminal takes as a command only colours and the like (SGR) and links (OSC 8) are drawn, and each line
// begins without any, as one reads a log from any place and not from its start. All else is dropped.

import { parseAnsiSequences } from "chef/ansi.js";
import { constants } from "chef/constants.js";
import { cleanText, ESCAPES } from "chef/escapes.js";
import { styleOf } from "chef/log-colors.js";

/** @import { PieceStyle } from "chef/log-colors.js" */

/** @typedef {{ text: string, style: PieceStyle | null }} Run text of one style */

/**
 * A piece of a line: `isFound` where it is searched for, `isBidi` where it could turn the order of text.
 *
 * @typedef {Run & { href: string | null, isFound: boolean, isBidi: boolean }} Piece
 */

/**
 * A part of a text, with a value that belongs to it.
 *
 * @template T
 * @typedef {[start: number, end: number, value: T]} Span
 */

const SGR = new RegExp(`^(?:${constants.patterns.style})$`);
const TOLD_LINK = new RegExp(`^(?:${constants.patterns.link})$`);
const LINK = /\bhttps?:\/\/[^\s\p{Cc}<>"'`{}|\\^\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/giu;
// Characters that can turn the order of the text around them.
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
// A control character other than tab and newline.
const HAS_ESCAPE = /[^\P{Cc}\t\n]/u;
const BRACKETS = new Map([
  [")", "("],
  ["]", "["],
]);
// How many values follow a kind of colour: red, green and blue, or an index.
const VALUES = new Map([
  ["2", 3],
  ["5", 1],
]);

/**
 * The pieces of a line.
 *
 * @param {string} message
 * @param {RegExp | null} [needle] a global pattern of what is searched for
 * @returns {Piece[]}
 */
export function piecesOf(message, needle = null) {
  if (message === "") return [];
  const runs = HAS_ESCAPE.test(message) ? coloured(message) : [{ text: message, style: null }];
  const text = runs.map((run) => run.text).join("");
  const links = linksOf(message, text);
  const found = needle === null ? [] : matchesOf(text, needle);
  if (links.length === 0 && found.length === 0 && !BIDI.test(text)) {
    return runs.map((run) => ({ ...run, href: null, isFound: false, isBidi: false }));
  }
  return cut(runs, links, found, text);
}

/**
 * @param {string} message
 * @returns {Run[]}
 */
function coloured(message) {
  if (parseAnsiSequences === null) return [{ text: cleanText(message), style: null }];
  const tokens = parseAnsiSequences(message.replace(ESCAPES, onlyStyle));
  return tokens.map((token) => ({ text: token.value, style: styleOf(token) }));
}

/**
 * A sequence as the parser understands it: nothing but SGR, one code each. The parser takes resets before
 * all else that stands in the same sequence, an empty one for nothing, and knows no colons.
 *
 * @param {string} sequence
 */
function onlyStyle(sequence) {
  const found = SGR.exec(sequence);
  return found === null
    ? ""
    : codesOf(found[1])
        .map((code) => `\x1b[${code}m`)
        .join("");
}

/** @param {string} parameters */
function codesOf(parameters) {
  /** @type {(string | number)[]} */
  const codes = [];
  const all = parameters.split(";");
  for (let next = all.shift(); next !== undefined; next = all.shift()) {
    const parts = next.split(":");
    const code = Number(parts[0]);
    if (code === 38 || code === 48 || code === 58) {
      const color = parts.length > 1 ? colorOf(withoutSpace(parts.slice(1))) : colorFrom(all);
      if (color && code !== 58) codes.push(`${code};${color}`);
    } else if (code === 4 && parts[1] === "0") codes.push(24);
    // 21 underlines twice, which we draw once; 8 hides, and a log is there to be read.
    else if (code !== 8) codes.push(code === 21 ? 4 : code);
  }
  return codes;
}

/**
 * The colour at the start of the rest of a sequence, which it is taken from.
 *
 * @param {string[]} rest
 */
function colorFrom(rest) {
  const kind = rest.shift() ?? "";
  return colorOf([kind, ...rest.splice(0, VALUES.get(kind) ?? 0)]);
}

/**
 * `2:SPACE:R:G:B` without the name of the colour space, which nobody uses.
 *
 * @param {string[]} parts
 */
function withoutSpace(parts) {
  return parts[0] === "2" && parts.length > 4 ? [parts[0], ...parts.slice(2)] : parts;
}

/** @param {string[]} parts */
function colorOf([kind, ...values]) {
  const count = VALUES.get(kind);
  const numbers = values.slice(0, count).map((value) => (value === "" ? 0 : Number(value)));
  if (count === undefined || numbers.length < count || numbers.some((value) => !(value <= 255))) return null;
  return `${kind};${numbers.join(";")}`;
}

/**
 * The links of a line: those that it tells of, and the addresses elsewhere in its text.
 *
 * @param {string} message
 * @param {string} text that is drawn of it
 */
function linksOf(message, text) {
  const told = message.includes("\x1b]8;") ? toldLinks(message) : [];
  const seen = text.includes("://") ? linksIn(text) : [];
  if (told.length === 0) return seen;
  const others = seen.filter(([start, end]) => told.every((link) => end <= link[0] || start >= link[1]));
  return [...told, ...others].sort(([one], [other]) => one - other);
}

/**
 * The links that a line tells of by sequences that no terminal shows, by their places in the text without them.
 *
 * @param {string} message
 */
function toldLinks(message) {
  /** @type {Span<string>[]} */
  const links = [];
  let [start, href, place, end] = [0, "", 0, 0];
  const close = () => {
    if (href !== "" && place > start) links.push([start, place, href]);
  };
  for (const { 0: sequence, index } of message.matchAll(ESCAPES)) {
    place += index - end;
    end = index + sequence.length;
    const found = TOLD_LINK.exec(sequence);
    if (found === null) continue;
    close();
    [start, href] = [place, found[1] && URL.canParse(found[1]) ? found[1] : ""];
  }
  place += message.length - end;
  close();
  return links;
}

/**
 * The addresses of the web in a text.
 *
 * @param {string} text
 */
function linksIn(text) {
  /** @type {Span<string>[]} */
  const links = [];
  for (const match of text.matchAll(LINK)) {
    const address = withoutSentence(match[0]);
    if (URL.canParse(address)) links.push([match.index, match.index + address.length, address]);
  }
  return links;
}

/**
 * An address without the signs of the sentence around it: its full stop, the bracket that it stands in.
 *
 * @param {string} address
 */
function withoutSentence(address) {
  let end = address.length;
  for (;;) {
    const last = address[end - 1];
    const opening = BRACKETS.get(last);
    const isOpen = opening && count(address, opening, end) < count(address, last, end);
    if (!isOpen && !".,;:!?*'".includes(last)) return address.slice(0, end);
    end--;
  }
}

/**
 * @param {string} text
 * @param {string} character
 * @param {number} end
 */
function count(text, character, end) {
  let found = 0;
  for (let index = 0; index < end; index++) if (text[index] === character) found++;
  return found;
}

/**
 * @param {string} text
 * @param {RegExp} needle
 * @returns {Span<true>[]}
 */
function matchesOf(text, needle) {
  return [...text.matchAll(needle)]
    .filter((match) => match[0])
    .map((match) => [match.index, match.index + match[0].length, true]);
}

/**
 * Cut the runs where links, found text and characters that turn the order begin and end.
 *
 * @param {Run[]} runs
 * @param {Span<string>[]} links
 * @param {Span<true>[]} found
 * @param {string} text of all runs
 */
function cut(runs, links, found, text) {
  const places = withPlaces(runs);
  const borders = new Set([0, text.length, ...places.map(([, end]) => end)]);
  for (const [start, end] of [...links, ...found]) borders.add(start).add(end);
  const turning = new Set([...text.matchAll(new RegExp(BIDI, "g"))].map((match) => match.index));
  for (const place of turning) borders.add(place).add(place + 1);
  const sorted = [...borders].sort((one, other) => one - other);
  /** @type {Piece[]} */
  const pieces = [];
  const [runAt, linkAt, foundAt] = [cursor(places), cursor(links), cursor(found)];
  for (let index = 0; index + 1 < sorted.length; index++) {
    const [start, end] = [sorted[index], sorted[index + 1]];
    pieces.push({
      text: text.slice(start, end),
      style: runAt(start)?.[2] ?? null,
      href: linkAt(start)?.[2] ?? null,
      isFound: foundAt(start) !== null,
      isBidi: turning.has(start),
    });
  }
  return pieces;
}

/**
 * @param {Run[]} runs
 * @returns {Span<PieceStyle | null>[]}
 */
function withPlaces(runs) {
  let end = 0;
  return runs.map(({ text, style }) => {
    const start = end;
    end += text.length;
    return [start, end, style];
  });
}

/**
 * Finds the span that covers a place; places must come in order.
 *
 * @template T
 * @param {Span<T>[]} spans
 */
function cursor(spans) {
  let index = 0;
  /** @param {number} place */
  const at = (place) => {
    while (index < spans.length && spans[index][1] <= place) index++;
    return index < spans.length && spans[index][0] <= place ? spans[index] : null;
  };
  return at;
}

/**
 * A pattern that finds a text in any case, everywhere in a line; null for no text.
 *
 * @param {string} text
 */
export function needleFor(text) {
  return text ? new RegExp(text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&"), "giu") : null;
}
