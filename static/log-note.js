// The note that lines of a log are being loaded, or cannot be.

import { setText } from "chef/nodes.js";
import { texts } from "chef/texts.js";

// Loading is said only if it takes long enough to be wondered about.
const SLOW_MS = 400;

export class LoadingNote {
  #element;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #loading = null;
  #isFailing = false;

  /** @param {Element} element */
  constructor(element) {
    this.#element = element;
    this.#show();
  }

  /** @param {boolean} isLoading */
  set isLoading(isLoading) {
    if (isLoading) this.#loading ??= setTimeout(() => this.#show(), SLOW_MS);
    else {
      this.#loading = null;
      this.#show();
    }
  }

  /** @param {boolean} isFailing */
  set isFailing(isFailing) {
    this.#isFailing = isFailing;
    this.#show();
  }

  #show() {
    if (this.#isFailing) setText(this.#element, texts.linesFailed);
    else setText(this.#element, this.#loading === null ? "" : texts.loadingLines);
  }
}
