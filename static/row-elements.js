// The elements of rows that are in the document: few of many, in order, and those that must stay.

export class RowElements {
  #container = document.createElement("div");
  /** @type {Map<number, HTMLElement>} */
  #elements = new Map();
  /** @type {WeakMap<Element, number>} */
  #keys = new WeakMap();
  #make;
  #keeps;
  #width = 0;

  /**
   * `make` makes the element of a key, `keeps` tells whether an element must stay in the document.
   *
   * @param {Element} parent
   * @param {(key: number) => HTMLElement} make
   * @param {(element: HTMLElement) => boolean} keeps
   */
  constructor(parent, make, keeps) {
    this.#make = make;
    this.#keeps = keeps;
    this.#container.className = "rows";
    parent.replaceChildren(this.#container);
  }

  /** All elements in the document, by their keys. */
  get all() {
    return this.#elements;
  }

  /** @param {number} key */
  get(key) {
    return this.#elements.get(key);
  }

  /** The elements in order, without those that only stay because they must. */
  get shown() {
    return [...this.#elements.entries()]
      .filter(([, element]) => !element.classList.contains("kept"))
      .sort(([one], [other]) => one - other);
  }

  get height() {
    return this.#container.offsetHeight;
  }

  clear() {
    for (const element of this.#elements.values()) element.remove();
    this.#elements.clear();
  }

  /**
   * Have exactly the elements of these keys in the document, which ascend, and those that must stay.
   *
   * @param {number[]} keys
   */
  arrange(keys) {
    this.#removeOthers(new Set(keys));
    let next = this.#container.firstElementChild;
    for (const key of keys) {
      while (next?.classList.contains("kept") && (this.#keys.get(next) ?? 0) < key) {
        next = next.nextElementSibling;
      }
      const element = this.#elements.get(key) ?? this.#new(key);
      if (element === next) next = element.nextElementSibling;
      else this.#container.insertBefore(element, next);
    }
  }

  /** @param {Set<number>} wanted */
  #removeOthers(wanted) {
    for (const [key, element] of this.#elements) {
      if (wanted.has(key)) element.classList.remove("kept");
      else if (this.#keeps(element)) element.classList.add("kept");
      else {
        element.remove();
        this.#elements.delete(key);
      }
    }
  }

  /** @param {number} key */
  #new(key) {
    const element = this.#make(key);
    this.#keys.set(element, key);
    this.#elements.set(key, element);
    return element;
  }

  /** @param {number} top in pixels */
  place(top) {
    this.#container.style.top = `${top}px`;
  }

  /** Stay at least as wide as now: a reader who has scrolled sideways stays there. */
  keepWidth() {
    if (this.#container.offsetWidth <= this.#width) return;
    this.#width = this.#container.offsetWidth;
    this.#container.style.minWidth = `${this.#width}px`;
  }

  /** Be as wide as the rows are. */
  freeWidth() {
    this.#width = 0;
    this.#container.style.minWidth = "";
  }
}
