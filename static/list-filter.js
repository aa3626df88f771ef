// The form that limits a list: sent when something is chosen, reached with `/`.

import { byId } from "chef/dom.js";
import { addKeys } from "chef/keys.js";
import { texts } from "chef/texts.js";

/** Let the form of the page's list be used without its button. */
export function addListFilter() {
  if (!document.getElementById("filter")) return; // A page without texts has nothing to filter by.
  const form = byId("filter", HTMLFormElement);
  const words = byId("filter-words", HTMLInputElement);
  form.addEventListener("change", (event) => {
    if (event.target instanceof HTMLSelectElement) form.requestSubmit();
  });
  // Empty fields would only make the address longer.
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });
  // The cross of a search field that the list is limited by clears it.
  words.addEventListener("search", () => {
    if (words.value === "" && words.defaultValue !== "") form.requestSubmit();
  });
  addKeys({
    name: "filter",
    key: "/",
    description: texts.keys.filter,
    handler: () => {
      words.focus();
      words.select();
    },
  });
}
