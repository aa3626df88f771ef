// Jobs that a list asked for in vain: an event that says nothing new of one is no reason to ask again.

const MOST = 5_000;

export class Strangers {
  /** @type {Set<string>} */
  #heard = new Set();

  /**
   * Whether this was not heard before.
   *
   * @param {string} news a job and what an event says of it
   */
  isNews(news) {
    if (this.#heard.has(news)) return false;
    // Which of them are old does not matter: asking once more does no harm.
    if (this.#heard.size >= MOST) this.#heard.clear();
    this.#heard.add(news);
    return true;
  }
}
