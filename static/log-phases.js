// The phases of a job in its log: where each begins, and links that lead there: `#phase=building`, `#phase=building.2`.

import { phaseWord } from "chef/format.js";
import { texts } from "chef/texts.js";

/** @import { LogView } from "chef/log-view.js" */
/** @import { PhaseSpan } from "chef/state.js" */

const HASH = /^#phase=([a-z0-9_-]{1,32}(?:\.[1-9]\d{0,2})?)$/;

/**
 * The names of phases in links: a phase's own, with a number where it comes again.
 *
 * @param {Pick<PhaseSpan, "phase">[]} spans
 */
export function phaseKeys(spans) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  return spans.map(({ phase }) => {
    const count = (counts.get(phase) ?? 0) + 1;
    counts.set(phase, count);
    return count === 1 ? phase : `${phase}.${count}`;
  });
}

export class LogPhases {
  #view;
  #changed;
  /** The phases that have lines, by their first ones, ascending. @type {{ key: string, phase: string, first: number }[]} */
  #phases = [];
  /** The names of all phases. @type {Set<string>} */
  #keys = new Set();
  /** The phase that the page's address names and that one has not gone to yet. @type {string | null} */
  #wanted = null;

  /**
   * @param {LogView} view
   * @param {() => void} changed is told that another phase is wanted, or none
   */
  constructor(view, changed) {
    this.#view = view;
    this.#changed = changed;
    view.rows.phases = this;
    addEventListener("hashchange", () => this.readAddress());
    document.addEventListener("click", (event) => this.#clicked(event));
  }

  /** What there is to say of a phase that the address names and that one cannot go to; else nothing. */
  get complaint() {
    if (this.#wanted === null) return "";
    const name = phaseWord(this.#wanted.split(".")[0]);
    return this.#keys.has(this.#wanted) ? texts.log.emptyPhase(name) : texts.log.noPhase(name);
  }

  /**
   * Show these phases of the job.
   *
   * @param {PhaseSpan[]} spans
   */
  show(spans) {
    const keys = phaseKeys(spans);
    this.#keys = new Set(keys);
    const phases = spans.flatMap(({ phase, firstLine }, index) =>
      firstLine ? [{ key: keys[index], phase, first: firstLine }] : [],
    );
    const isOther = JSON.stringify(phases) !== JSON.stringify(this.#phases);
    this.#phases = phases;
    if (isOther) for (const [number, row] of this.#view.window.elements) this.decorate(row, number);
    if (this.#wanted !== null) this.#go();
  }

  /** Go to the phase that the page's address names. */
  readAddress() {
    const found = HASH.exec(location.hash);
    this.#wanted = found ? found[1] : null;
    if (found) this.#go();
    this.#changed();
  }

  /** Forget the phase that one cannot go to, and take it out of the address. */
  clear() {
    this.#wanted = null;
    history.replaceState(null, "", location.pathname + location.search);
    this.#changed();
  }

  #go() {
    const found = this.#phases.find(({ key }) => key === this.#wanted);
    if (found) {
      this.#wanted = null;
      this.#view.marks.forget();
      this.#view.linked = found.first;
      this.#view.goTo(found.first, 0);
      this.#view.rows.show({ current: found.first });
    }
    this.#changed();
  }

  /**
   * A link to the phase that the address names already leads there once more.
   *
   * @param {MouseEvent} event
   */
  #clicked({ target }) {
    const link = target instanceof Element ? target.closest("a") : null;
    if (link && link.getAttribute("href") === location.hash) this.readAddress();
  }

  /**
   * Tell a row which phase it is of, and which one begins there.
   *
   * @param {HTMLElement} row
   * @param {number} number
   */
  decorate(row, number) {
    const phase = this.#phases.findLast(({ first }) => first <= number);
    if (phase) row.dataset.phase = phase.key;
    else delete row.dataset.phase;
    if (phase?.first === number) row.dataset.begins = phaseWord(phase.phase);
    else delete row.dataset.begins;
  }
}
