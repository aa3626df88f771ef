// Lets Node load the pages' modules by the names of the import map: `node --import ./tests/tools/page_modules.mjs`.
// PAGE_CONSTANTS holds what a page carries for them: chef/pages/constants.py.

import { register } from "node:module";

const hooks = `
const root = new URL("../../static/", ${JSON.stringify(import.meta.url)});
export async function resolve(name, context, next) {
  if (name.startsWith("chef/")) return { url: new URL(name.slice(5), root).href, format: "module", shortCircuit: true };
  return next(name, context);
}
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

const constants = { textContent: process.env.PAGE_CONSTANTS };
Object.assign(globalThis, {
  document: {
    documentElement: { lang: "en" },
    getElementById: (/** @type {string} */ id) => (id === "constants" ? constants : null),
  },
});
// Node has it from version 21 on.
if (!("navigator" in globalThis)) Object.assign(globalThis, { navigator: { languages: ["en"] } });
