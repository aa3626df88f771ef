// What elements show, in the language that they are to speak: each language has modules of its own.

import { pageData } from "chef/page-data.js";

/** @import { View, ViewContext } from "chef/embed/base.js" */

/** @typedef {"progress" | "log" | "project"} ViewName */
/** @typedef {new (root: ShadowRoot, context: ViewContext) => View} ViewClass */

/** @type {string[]} */
const languages = pageData("languages");
/** The modules of each view, itself the first. @type {Record<ViewName, string[]>} */
const modules = pageData("views");
/** @type {Map<string, Promise<ViewClass>>} */
const loading = new Map();

/**
 * The language of an element: its own `lang`, else that of what it stands in, else the browser's, as far as it is known
 * here.
 *
 * @param {Element} element
 */
export function languageOf(element) {
  for (let one = /** @type {Element | null} */ (element); one; one = around(one)) {
    const found = known(one.getAttribute("lang") ?? "");
    if (found) return found;
  }
  return navigator.languages.map(known).find(Boolean) ?? languages[0];
}

/** @param {Element} element */
function around(element) {
  const root = element.getRootNode();
  return element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** @param {string} language */
function known(language) {
  const [name] = language.toLowerCase().split("-");
  return languages.find((one) => one === name);
}

/**
 * Load what an element shows, in a language.
 *
 * @param {ViewName} name
 * @param {string} language
 */
export function viewIn(name, language) {
  const key = `${language} ${name}`;
  const view = loading.get(key) ?? load(name, language);
  loading.set(key, view);
  return view;
}

/**
 * @param {ViewName} name
 * @param {string} language
 * @returns {Promise<ViewClass>}
 */
async function load(name, language) {
  const folder = new URL(`../../${language}/`, import.meta.url);
  // All at once: one after the other, as they import each other, takes a round trip each.
  const [view] = await Promise.all(modules[name].map((one) => import(new URL(one, folder).href)));
  return view.default;
}
