// The sequences that a terminal takes as commands and a page does not. Pure.

import { constants } from "chef/constants.js";

/** CSI, OSC and other strings, two-byte escapes, control characters. */
export const ESCAPES = new RegExp(constants.patterns.escape, "gs");

/**
 * A log line without what a terminal would take as a command; tabs stay.
 *
 * @param {string} text
 */
export function cleanText(text) {
  return text.replace(ESCAPES, "");
}
