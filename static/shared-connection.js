// A connection that is one of many tabs': it is open while it has a slot, and without one its tab asks now and then.

import { ConnectionSlot } from "chef/connection-slot.js";

const ASK_MS = 1_500;
const HIDDEN_ASK_MS = 10_000;

/**
 * The owner of such a connection. `connect` opens it unless it is open, `disconnect` closes it; `ask` reads what is
 * new without it; `lost` is told that asking did not work.
 *
 * @typedef {Record<"connect" | "disconnect" | "lost", () => void> & { ask: () => Promise<void> }} SharedOwner
 */

export class SharedConnection {
  #owner;
  #slot = new ConnectionSlot(() => this.#isOpen && this.open());
  #isOpen = false;
  // The number of the present opening; an earlier one does nothing any more.
  #turn = 0;

  /** @param {SharedOwner} owner */
  constructor(owner) {
    this.#owner = owner;
  }

  /** Connect, or ask now and then until there is a slot. */
  async open() {
    const turn = ++this.#turn;
    this.#isOpen = true;
    while (!(await this.#slot.take())) {
      if (turn !== this.#turn) return;
      this.#owner.disconnect();
      await this.#owner.ask().catch(() => turn === this.#turn && this.#owner.lost());
      await new Promise((resolve) => setTimeout(resolve, document.hidden ? HIDDEN_ASK_MS : ASK_MS));
      if (turn !== this.#turn) return;
    }
    if (turn === this.#turn) this.#owner.connect();
    else if (!this.#isOpen) this.#slot.release();
  }

  close() {
    this.#turn++;
    this.#isOpen = false;
    this.#owner.disconnect();
    this.#slot.release();
  }
}
