// The chip that says how the page is connected and how old what it shows is.

import { age } from "chef/format.js";
import { byId, loginUrl, now, setText } from "chef/dom.js";
import { texts } from "chef/texts.js";

// Younger than this an age says nothing; older than that it is what one wants to know.
const FRESH_MS = 5_000;
const QUIET_MS = 60_000;

export class Chip {
  #element = byId("chip");
  #word = byId("chip-word");
  #age = byId("chip-age");
  #state = "connecting";
  #updatedAt = null;

  constructor() {
    this.show("connecting");
  }

  /** `connecting`, `catching-up`, `live`, `reconnecting`, `ended`, `signed-out` or `refused`. */
  show(state) {
    this.#state = state;
    this.#element.dataset.state = state;
    if (state === "signed-out") this.#askToSignIn();
    else setText(this.#word, texts.connection[state]);
    this.tick();
  }

  get state() {
    return this.#state;
  }

  /** When the newest update came, in milliseconds by the server's clock. */
  set updatedAt(at) {
    this.#updatedAt = Math.max(at, this.#updatedAt ?? 0);
    this.tick();
  }

  /** Say the age anew. */
  tick() {
    const past = this.#updatedAt === null ? 0 : now() - this.#updatedAt;
    const isQuiet = past >= QUIET_MS && this.#state === "live";
    const tellsAge = past >= FRESH_MS && !["ended", "connecting"].includes(this.#state);
    this.#element.classList.toggle("quiet", isQuiet);
    const words = isQuiet ? texts.quiet : texts.updated;
    setText(this.#age, tellsAge ? `· ${words(age(past))}` : "");
  }

  #askToSignIn() {
    const link = document.createElement("a");
    link.href = loginUrl();
    link.textContent = texts.connection["signed-out"];
    this.#word.replaceChildren(link);
  }
}
