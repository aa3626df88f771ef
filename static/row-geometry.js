// Where rows are in a window onto any number of them. Pure: in pixels and rows, without a document.
//
// The place is kept as a row and how far one is into it (`top`, in rows, with a fraction), not in pixels: that stays
// right when rows above change. Rows have one height, or, where they wrap, each its own, as far as it was seen.

// Browsers cap an element's height.
const MOST_PX = 15_000_000;
// So many rows more than those in view are kept above and below.
const MORE_ROWS = 12;
const MOST_HEIGHTS = 20_000;

export class RowGeometry {
  count = 0;
  /** The row at the top of the view, with a fraction. */
  top = 0;
  /** The height of the view. */
  view = 0;
  /** The height of the element that the scroll bar stands for; set when it is drawn. */
  spacerHeight = -1;
  #rowHeight = 20;
  #wraps = false;
  /** The heights of rows that wrap, by their keys, as far as they were seen. @type {Map<number, number>} */
  #heights = new Map();
  // The others are taken for so high.
  #estimate = 20;
  #keyOf;

  /** @param {(row: number) => number} keyOf */
  constructor(keyOf) {
    this.#keyOf = keyOf;
  }

  /** The height of a row that does not wrap. */
  get rowHeight() {
    return this.#rowHeight;
  }

  set rowHeight(height) {
    this.#rowHeight = height;
    this.#estimate = Math.max(this.#estimate, height);
  }

  /** Whether rows wrap, so that each may have its own height. */
  get wraps() {
    return this.#wraps;
  }

  set wraps(wraps) {
    this.#wraps = wraps;
    this.#heights.clear();
    this.#estimate = this.#rowHeight;
  }

  /** Whether the scroll bar's place is the rows' place: they have one height and fit into an element. */
  get isExact() {
    return !this.#wraps && this.count * this.#rowHeight <= MOST_PX;
  }

  get #usualHeight() {
    return this.#wraps ? this.#estimate : this.#rowHeight;
  }

  /** The height that the scroll bar's element should have. */
  get wantedSpacerHeight() {
    return Math.min(MOST_PX, Math.round(this.count * this.#usualHeight));
  }

  /** The `top` at the end, where rows have the usual height. */
  get lastTop() {
    return Math.max(0, this.count - this.view / this.#usualHeight);
  }

  /** Where the scroll bar is at the end. */
  get lastScroll() {
    return Math.max(0, this.spacerHeight - this.view);
  }

  /** Where the scroll bar belongs, if it shows a share. */
  get scrollShare() {
    return this.lastTop === 0 ? 0 : Math.min(1, this.top / this.lastTop) * this.lastScroll;
  }

  /** The rows in view, the first and the last. @returns {[number, number]} */
  get inView() {
    const first = Math.floor(this.top);
    let last = first;
    let bottom = this.heightOf(first) * (1 - (this.top % 1));
    while (last < this.count - 1 && bottom < this.view - 1) bottom += this.heightOf(++last);
    return [first, last];
  }

  /** @param {number} row */
  heightOf(row) {
    if (!this.#wraps) return this.#rowHeight;
    return this.#heights.get(this.#keyOf(row)) ?? this.#estimate;
  }

  /**
   * Take note of a row's height as the browser has it.
   *
   * @param {number} key
   * @param {number} height
   */
  setHeight(key, height) {
    this.#heights.set(key, height);
  }

  /**
   * The height of a row may have changed.
   *
   * @param {number} key
   */
  forget(key) {
    this.#heights.delete(key);
  }

  /** The heights of all rows may have changed. */
  forgetAll() {
    this.#heights.clear();
  }

  /** Take rows that were not seen for as high as the seen ones are on average. */
  estimateHeights() {
    if (!this.#wraps || this.#heights.size === 0) return;
    let sum = 0;
    for (const height of this.#heights.values()) sum += height;
    this.#estimate = Math.max(this.#rowHeight, sum / this.#heights.size);
    if (this.#heights.size > MOST_HEIGHTS) this.#heights.clear();
  }

  /** Keep `top` within the rows. */
  clamp() {
    const most = this.#wraps ? Math.max(0, this.count - 0.01) : this.lastTop;
    this.top = Math.max(0, Math.min(this.top, most));
  }

  /**
   * Whether a row is wholly in view.
   *
   * @param {number} row
   */
  shows(row) {
    const [first, last] = this.inView;
    if (row < first || row > last) return false;
    let top = -(this.top % 1) * this.heightOf(first);
    for (let above = first; above < row; above++) top += this.heightOf(above);
    return top >= -1 && (top + this.heightOf(row) <= this.view + 1 || row === first);
  }

  /**
   * The rows that belong into the document, the first and the last.
   *
   * @param {boolean} isUnsure the rows above may be higher or lower than they are taken for
   * @returns {[number, number]}
   */
  range(isUnsure) {
    const rows = Math.ceil(this.view / this.#rowHeight) + 1;
    const top = Math.floor(this.top);
    // Above an unsure place as many as there can be in view.
    const above = isUnsure ? rows : MORE_ROWS;
    return [Math.max(0, top - above), Math.min(this.count - 1, top + rows + MORE_ROWS)];
  }

  /** @param {number} pixels */
  moveBy(pixels) {
    let row = Math.floor(this.top);
    let into = (this.top - row) * this.heightOf(row) + pixels;
    while (into < 0 && row > 0) into += this.heightOf(--row);
    while (row < this.count - 1 && into >= this.heightOf(row)) into -= this.heightOf(row++);
    this.top = Math.max(0, row + into / this.heightOf(row));
  }
}
