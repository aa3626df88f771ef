// The selection in a log, and the rows that must stay in the document for it and for the focus.

/** A shadow tree, which in Chromium tells its selection itself. @typedef {ShadowRoot & { getSelection?: () => Selection | null }} SelectingRoot */

export class LogSelection {
  #scroller;
  #changed;
  /** The selection, if it is in the log. @type {Selection | null} */
  #selection = null;
  /** @type {Set<Element | null>} */
  #heldRows = new Set();

  /**
   * @param {HTMLElement} scroller the log
   * @param {() => void} changed is called when the selection or the focus may be another one
   * @param {AbortSignal} [signal] ends the watching of a log that is gone
   */
  constructor(scroller, changed, signal) {
    this.#scroller = scroller;
    this.#changed = changed;
    document.addEventListener("selectionchange", () => this.#note(), { signal });
    for (const name of ["focusin", "focusout"]) scroller.addEventListener(name, () => this.#note());
  }

  /** Whether text of the log is selected. */
  get exists() {
    return this.#selection !== null;
  }

  /** The selected text of the log, as far as it is in the document. */
  get text() {
    return this.#selection?.toString() ?? "";
  }

  clear() {
    this.#selection?.removeAllRanges();
  }

  /**
   * Whether a row must stay in the document: a selection begins or ends in it, or it has the focus.
   *
   * @param {Element} row
   */
  holds(row) {
    return this.#heldRows.has(row);
  }

  /**
   * Whether some of a row is selected.
   *
   * @param {Element} row
   */
  covers(row) {
    return this.#selection?.containsNode(row, true) ?? false;
  }

  /** Take note of the selection and the focus: to ask the browser for each row costs a layout each. */
  #note() {
    const root = /** @type {Document | SelectingRoot} */ (this.#scroller.getRootNode());
    const selection = root.getSelection ? root.getSelection() : getSelection();
    const isHere = selection && !selection.isCollapsed && selection.containsNode(this.#scroller, true);
    this.#selection = isHere ? selection : null;
    this.#heldRows = new Set([rowOf(root.activeElement)]);
    if (isHere) this.#heldRows.add(rowOf(selection.anchorNode)).add(rowOf(selection.focusNode));
    this.#changed();
  }
}

/** @param {Node | null} node */
function rowOf(node) {
  const element = node instanceof Element ? node : node?.parentElement;
  return element?.closest(".line") ?? null;
}
