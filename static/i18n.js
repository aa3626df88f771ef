// The page's language: texts and numbers. Texts are named in English, as in the templates, and translated in
// chef/pages/translations. `make texts` finds them by the names of these two functions.

import { pageData } from "chef/page-data.js";

/** @typedef {Record<string, string | number>} Values the values of a text's `%(name)s` */

/** @type {Record<string, string | string[]>} */
const texts = pageData("texts") ?? {};

/** @type {string} */
export const language = pageData("language") ?? document.documentElement.lang;

const plurals = new Intl.PluralRules(language);
// Rounded to even, as Python does.
const decimals = [0, 1].map(
  (digits) =>
    new Intl.NumberFormat(language, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
      roundingMode: "halfEven",
    }),
);
const percents = new Intl.NumberFormat(language, { style: "percent" });
// Dates as they are written where the viewer is: English has several ways.
const place = navigator.languages.find((one) => one.split("-")[0] === language) ?? language;
const moments = new Intl.DateTimeFormat(place, { dateStyle: "medium", timeStyle: "medium" });

/**
 * A text in the page's language; `%(name)s` in it becomes the value of that name.
 *
 * @param {string} text
 * @param {Values} [values]
 */
export function _(text, values = {}) {
  return fill(String(texts[text] ?? text), values);
}

/**
 * A text that depends on a count, which is its `%(count)s`.
 *
 * @param {string} one
 * @param {string} many
 * @param {number} count
 * @param {Values} [values]
 */
export function ngettext(one, many, count, values = {}) {
  const forms = texts[one] ?? [one, many];
  return fill(forms[plurals.select(count) === "one" ? 0 : 1], { count: number(count), ...values });
}

/**
 * @param {string} text
 * @param {Values} values
 */
function fill(text, values) {
  return text.replace(/%\((\w+)\)s/g, (_whole, name) => String(values[name]));
}

/**
 * `12,345`, or with a digit after the point: `4.2`.
 *
 * @param {number} value
 * @param {0 | 1} [digits]
 */
export function number(value, digits = 0) {
  return decimals[digits].format(value);
}

/**
 * `72%` of 72.
 *
 * @param {number} value
 */
export function percentOf(value) {
  return percents.format(value / 100);
}

/**
 * A moment in the viewer's own time.
 *
 * @param {string} at
 */
export function localTime(at) {
  return moments.format(new Date(at));
}
