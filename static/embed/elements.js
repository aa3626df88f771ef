// The elements that /embed.js brings into a page: <chef-progress>, <chef-log> and <chef-project>.

import { ChefElement } from "chef/embed/base.js";

class ChefProgress extends ChefElement {}

class ChefLog extends ChefElement {
  /** @type {"log"} */
  viewName = "log";
  wantsLines = true;
}

class ChefProject extends ChefElement {
  /** @type {"project"} */
  viewName = "project";
  /** @type {"project"} */
  kind = "project";
}

const elements = { "chef-progress": ChefProgress, "chef-log": ChefLog, "chef-project": ChefProject };
for (const [name, element] of Object.entries(elements)) {
  // A page may name the script twice.
  if (!customElements.get(name)) customElements.define(name, element);
}
