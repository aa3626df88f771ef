// Reading from a server by fetch: JSON, and events as JSON lines.

/** @import { Listener } from "./follower.js" */

// The server says something every 15 seconds.
const SILENT_MS = 40_000;

/** A server's refusal. */
export class Refused extends Error {
  /**
   * @param {number} status of HTTP
   * @param {string} message
   * @param {number} [retryMs] how long the server wants to be left alone
   */
  constructor(status, message, retryMs = 0) {
    super(message);
    this.status = status;
    this.retryMs = retryMs;
  }
}

/**
 * @param {string} url
 * @param {string} accept
 * @param {Record<string, string>} headers
 * @param {AbortSignal} signal
 */
async function ask(url, accept, headers, signal) {
  const response = await fetch(url, { headers: { Accept: accept, ...headers }, signal, cache: "no-store" });
  if (response.ok) {
    if (response.headers.get("Content-Type")?.startsWith(accept)) return response;
    throw new Refused(404, "there is no Chef at this address");
  }
  const problem = await response.json().catch(() => null);
  const message = problem?.detail ?? `the server answers ${response.status}`;
  throw new Refused(response.status, message, 1_000 * (Number(response.headers.get("Retry-After")) || 0));
}

/**
 * What stands at an address; null where nothing does.
 *
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {AbortSignal} signal
 * @returns {Promise<any>}
 */
export async function readJson(url, headers, signal) {
  try {
    return await (await ask(url, "application/json", headers, signal)).json();
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

/**
 * Read a stream of events until it closes; promises whether it said that this is its end.
 *
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {Listener} listener
 * @param {AbortController} present ends it
 */
export async function readStream(url, headers, { opened, receive }, present) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let silence;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => present.abort(new Error("the connection is silent")), SILENT_MS);
  };
  let isAtEnd = false;
  const take = (/** @type {string} */ line) => {
    const { event, data } = JSON.parse(line);
    if (event === "end") isAtEnd = true;
    else receive(event, data);
  };
  try {
    heard();
    const response = await ask(url, "application/x-ndjson", headers, present.signal);
    const { headers: told } = response;
    opened({ epoch: told.get("Chef-Epoch") ?? undefined, complete: told.get("Chef-Complete") !== "false" });
    await readLines(response, heard, take);
    return isAtEnd;
  } finally {
    clearTimeout(silence);
  }
}

/**
 * @param {Response} response
 * @param {() => void} heard is told that something came
 * @param {(line: string) => void} take
 */
async function readLines(response, heard, take) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = /** @type {string} */ (lines.pop());
    for (const line of lines) take(line);
  }
}
