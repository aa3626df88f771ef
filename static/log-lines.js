// The lines of a log that are known here: a bounded part of all, read in blocks where somebody looks.

/** @import { Parameters } from "chef/api.js" */

/**
 * A line of a log as the API and events show it; `replace` where it takes the place of an earlier form.
 *
 * @typedef {object} Line
 * @property {number} line its number
 * @property {string} at
 * @property {string} stream
 * @property {string | null} level
 * @property {string} message
 * @property {boolean} [replace]
 */

/** The lines that were removed from a log's middle. @typedef {{ firstLine: number, lastLine: number }} Removed */

/** The answer of `GET /api/jobs/JOB/logs`. @typedef {{ lines: Line[], total: number, removed?: Removed | null }} LogPart */

/** A line; null if it was removed from the log, undefined if it is not known here. @typedef {Line | null | undefined} KnownLine */

const BLOCK = 200;
const MOST_BYTES = 12 * 1024 * 1024;
// The memory that a line takes besides its text.
const LINE_BYTES = 200;
const MOST_READS = 2;
const RETRY_MS = 1_500;

export class LogLines {
  /**
   * By number, the one used longest ago first: `lines` by their place in it, null where one was removed.
   *
   * @type {Map<number, { lines: KnownLine[], bytes: number }>}
   */
  #blocks = new Map();
  #bytes = 0;
  #total = 0;
  #read;
  #owner;
  /** @type {number[]} */
  #wanted = [];
  /** The blocks that are being read. @type {Set<number>} */
  #reading = new Set();
  /** The lines that came live meanwhile: they are newer than the answers. @type {Map<number, Line>} */
  #newer = new Map();
  #generation = 0;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #retry = null;

  /**
   * `read` promises the answer of `GET /api/jobs/JOB/logs`. `changed` is called with the numbers of lines that came by
   * reading, and with the account of those that were removed from the log's middle; `failed` when reading does not
   * work and when it does again.
   *
   * @param {object} owner
   * @param {(parameters: Parameters) => Promise<LogPart>} owner.read
   * @param {(numbers: number[], removed: Removed | null) => void} owner.changed
   * @param {(isFailing: boolean) => void} owner.failed
   */
  constructor({ read, changed, failed }) {
    this.#read = read;
    this.#owner = { changed, failed };
  }

  /** How many lines the log has, as far as is known. */
  get total() {
    return this.#total;
  }

  set total(total) {
    this.#total = Math.max(this.#total, total);
  }

  /**
   * @param {number} number
   * @returns {KnownLine}
   */
  get(number) {
    return this.#blocks.get(blockOf(number))?.lines[number - firstOf(blockOf(number))];
  }

  /**
   * Take a line that came live or with the page.
   *
   * @param {Line} line
   */
  put(line) {
    if (this.#reading.size > 0) this.#newer.set(line.line, line);
    this.total = line.line;
    this.#set(line.line, line);
  }

  /**
   * @param {number} number
   * @param {Line | null} line
   */
  #set(number, line) {
    const index = blockOf(number);
    let block = this.#blocks.get(index);
    if (block === undefined) {
      block = { lines: [], bytes: 0 };
      this.#blocks.set(index, block);
    }
    const place = number - firstOf(index);
    const more = sizeOf(line) - sizeOf(block.lines[place]);
    block.lines[place] = line;
    block.bytes += more;
    this.#bytes += more;
    if (this.#bytes > MOST_BYTES) this.#evict(index);
  }

  /** @param {number} kept the block that stays in any case */
  #evict(kept) {
    const wanted = new Set(this.#wanted.map(blockOf)).add(kept);
    for (const [index, block] of this.#blocks) {
      if (this.#bytes <= MOST_BYTES * 0.8) break;
      if (wanted.has(index)) continue;
      this.#blocks.delete(index);
      this.#bytes -= block.bytes;
    }
  }

  /**
   * Name the lines that are looked at, the most important first: those that are not known are read.
   *
   * @param {number[]} numbers
   */
  want(numbers) {
    this.#wanted = numbers;
    for (const index of new Set(numbers.map(blockOf))) this.#touch(index);
    this.#readNext();
  }

  /** @param {number} index */
  #touch(index) {
    const block = this.#blocks.get(index);
    if (block === undefined) return;
    this.#blocks.delete(index);
    this.#blocks.set(index, block);
  }

  #readNext() {
    if (this.#retry !== null) return;
    for (const number of this.#wanted) {
      if (this.#reading.size >= MOST_READS) return;
      const index = blockOf(number);
      if (number <= this.#total && this.get(number) === undefined && !this.#reading.has(index))
        this.#readBlock(index);
    }
  }

  /** @param {number} index */
  async #readBlock(index) {
    const generation = this.#generation;
    const first = firstOf(index);
    this.#reading.add(index);
    try {
      const answer = await this.#read({ after: first - 1, before: first + BLOCK, limit: BLOCK });
      if (generation !== this.#generation) return;
      this.#reading.delete(index);
      this.#take(first, answer);
      this.#owner.failed(false);
      // A server that does not have yet what it told is not asked again and again.
      if (this.#hasHole(first)) this.#readLater();
      else this.#readNext();
    } catch {
      if (generation !== this.#generation) return;
      this.#reading.delete(index);
      this.#owner.failed(true);
      this.#readLater();
    } finally {
      if (this.#reading.size === 0) this.#newer.clear();
    }
  }

  /**
   * @param {number} first
   * @param {LogPart} answer
   */
  #take(first, { lines, total, removed }) {
    this.total = total;
    const found = new Map(lines.map((line) => [line.line, line]));
    const numbers = [];
    for (let number = first; number < first + BLOCK && number <= total; number++) {
      this.#set(number, this.#newer.get(number) ?? found.get(number) ?? null);
      numbers.push(number);
    }
    this.#owner.changed(numbers, removed ?? null);
  }

  /** @param {number} first */
  #hasHole(first) {
    const last = Math.min(first + BLOCK - 1, this.#total);
    for (let number = first; number <= last; number++) if (this.get(number) === undefined) return true;
    return false;
  }

  #readLater() {
    this.#retry ??= setTimeout(() => {
      this.#retry = null;
      this.#readNext();
    }, RETRY_MS);
  }

  /**
   * The lines `first` to `last`, read where they are not known. For copying: nothing is kept.
   *
   * @param {number} first
   * @param {number} last
   */
  async range(first, last) {
    /** @type {Line[]} */
    const lines = [];
    for (let number = first; number <= last; ) {
      const known = this.get(number);
      if (known !== undefined) {
        if (known) lines.push(known);
        number++;
        continue;
      }
      const until = Math.min(last, number + 999);
      const answer = await this.#read({ after: number - 1, before: until + 1, limit: 1000 });
      lines.push(...answer.lines);
      number = until + 1;
    }
    return lines;
  }

  /**
   * Forget everything: the log is another one.
   *
   * @param {number} total
   */
  reset(total) {
    this.#generation++;
    this.#blocks.clear();
    this.#reading.clear();
    this.#newer.clear();
    [this.#bytes, this.#total, this.#wanted] = [0, total, []];
  }
}

/** @param {number} number */
function blockOf(number) {
  return Math.floor((number - 1) / BLOCK);
}

/** @param {number} index */
function firstOf(index) {
  return index * BLOCK + 1;
}

/** @param {KnownLine} line */
function sizeOf(line) {
  if (line === undefined) return 0;
  return line === null ? 8 : LINE_BYTES + 2 * line.message.length;
}
