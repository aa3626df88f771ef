// The lines of a log that are known here: a bounded part of all, read in blocks where somebody looks.

const BLOCK = 200;
const MOST_BYTES = 12 * 1024 * 1024;
// What a line takes besides its text.
const LINE_BYTES = 200;
const MOST_READS = 2;
const RETRY_MS = 1_500;

export class LogLines {
  // By number, the one used longest ago first: `lines` by their place in it, null where one was removed.
  #blocks = new Map();
  #bytes = 0;
  #total = 0;
  #read;
  #changed;
  #wanted = [];
  // The reads that run, and what came live meanwhile: that is newer than what they answer.
  #reading = new Map();
  #newer = new Map();
  #generation = 0;
  #retry = null;

  /**
   * `read(parameters)` promises what `GET /api/jobs/JOB/logs` answers. `changed(numbers, removed)` is called
   * with the lines that came by reading, and what the answer says was removed from the log's middle;
   * `failed(isFailing)` when reading does not work and when it does again.
   */
  constructor({ read, changed, failed }) {
    this.#read = read;
    this.#changed = { changed, failed };
  }

  /** How many lines the log has, as far as is known. */
  get total() {
    return this.#total;
  }

  set total(total) {
    this.#total = Math.max(this.#total, total);
  }

  /** A line; null if it was removed from the log, undefined if it is not known here. */
  get(number) {
    return this.#blocks.get(blockOf(number))?.lines[number - firstOf(blockOf(number))];
  }

  /** Take a line that came live or with the page; returns what stood there before. */
  put(line) {
    if (this.#reading.size > 0) this.#newer.set(line.line, line);
    this.total = line.line;
    return this.#set(line.line, line);
  }

  #set(number, line) {
    const index = blockOf(number);
    let block = this.#blocks.get(index);
    if (block === undefined) {
      block = { lines: [], bytes: 0 };
      this.#blocks.set(index, block);
    }
    const place = number - firstOf(index);
    const before = block.lines[place];
    block.lines[place] = line;
    const more = sizeOf(line) - sizeOf(before);
    block.bytes += more;
    this.#bytes += more;
    if (this.#bytes > MOST_BYTES) this.#evict(index);
    return before;
  }

  #evict(kept) {
    const wanted = new Set(this.#wanted.map(blockOf)).add(kept);
    for (const [index, block] of this.#blocks) {
      if (this.#bytes <= MOST_BYTES * 0.8) break;
      if (wanted.has(index)) continue;
      this.#blocks.delete(index);
      this.#bytes -= block.bytes;
    }
  }

  /** Say which lines are looked at, the most important first: those that are not known are read. */
  want(numbers) {
    this.#wanted = numbers;
    for (const index of new Set(numbers.map(blockOf))) this.#touch(index);
    this.#readNext();
  }

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

  async #readBlock(index) {
    const generation = this.#generation;
    const first = firstOf(index);
    this.#reading.set(index, true);
    try {
      const answer = await this.#read({ after: first - 1, before: first + BLOCK, limit: BLOCK });
      if (generation !== this.#generation) return;
      this.#reading.delete(index);
      this.#take(first, answer);
      this.#changed.failed(false);
      // A server that does not have yet what it told is not asked again and again.
      if (this.#hasHole(first)) this.#readLater();
      else this.#readNext();
    } catch {
      if (generation !== this.#generation) return;
      this.#reading.delete(index);
      this.#changed.failed(true);
      this.#readLater();
    } finally {
      if (this.#reading.size === 0) this.#newer.clear();
    }
  }

  #take(first, { lines, total, removed }) {
    this.total = total;
    const found = new Map(lines.map((line) => [line.line, line]));
    const numbers = [];
    for (let number = first; number < first + BLOCK && number <= total; number++) {
      this.#set(number, this.#newer.get(number) ?? found.get(number) ?? null);
      numbers.push(number);
    }
    this.#changed.changed(numbers, removed ?? null);
  }

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

  /** The lines `first` to `last`, read where they are not known. For copying: nothing is kept. */
  async range(first, last) {
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

  /** Forget everything: the log is another one. */
  reset(total) {
    this.#generation++;
    this.#blocks.clear();
    this.#reading.clear();
    this.#newer.clear();
    [this.#bytes, this.#total, this.#wanted] = [0, total, []];
  }
}

function blockOf(number) {
  return Math.floor((number - 1) / BLOCK);
}

function firstOf(index) {
  return index * BLOCK + 1;
}

function sizeOf(line) {
  if (line === undefined) return 0;
  return line === null ? 8 : LINE_BYTES + 2 * line.message.length;
}
