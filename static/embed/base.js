// What the elements have in common: attributes, a shadow tree, a view in a language, a connection.

import { follow, keyOf, readJson, renew } from "chef/embed/feeds.js";
import { languageOf, viewIn } from "chef/embed/languages.js";
import { clockOf } from "chef/embed/server-clock.js";
import { styleSheet } from "chef/embed/styles.js";

/** @import { Subject, Token } from "chef/embed/feeds.js" */
/** @import { ViewClass, ViewName } from "chef/embed/languages.js" */

/**
 * What a view is about. `now` is the server's clock in milliseconds, `read` reads JSON over HTTP.
 *
 * @typedef {object} ViewContext
 * @property {Subject} subject
 * @property {Element} element whose attributes are its options
 * @property {() => number} now
 * @property {(path: string) => Promise<any>} read
 */

/**
 * What an element shows. `tick` says anew what changes with time, `options` reads the attributes again, `moved` is
 * called behind a move in the document, which forgets where one has scrolled to.
 *
 * @typedef {object} View
 * @property {(state: any) => void} update
 * @property {() => void} tick
 * @property {() => void} options
 * @property {() => void} moved
 * @property {() => void} close
 */

/** What an element shows, or will when its view has been loaded. @typedef {{ subject: Subject, key: string, view: View | null, state: unknown, stop: () => void }} Shown */

// An element that was taken out of the document may be on its way to another place.
const LINGER_MS = 1_000;
const TICK_MS = 1_000;
const MOST_JOBS = 100;
const USUAL_JOBS = 10;

/** The server that this module is from. */
const origin = new URL(import.meta.url).origin;

export class ChefElement extends HTMLElement {
  static observedAttributes = ["job", "project", "server", "token", "lang", "limit", "wrap", "quiet"];
  /** @type {ViewName} */
  viewName = "progress";
  /** @type {Subject["kind"]} */
  kind = "job";
  wantsLines = false;
  /** @type {Token} */
  #token = null;
  /** @type {Shown | null} */
  #shown = null;
  #isPlanned = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaving;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [styleSheet];
  }

  /** The job's id; the attribute of this name. */
  get job() {
    return this.getAttribute("job");
  }

  set job(id) {
    this.#reflect("job", id);
  }

  /** The project's id; the attribute of this name. */
  get project() {
    return this.getAttribute("project");
  }

  set project(id) {
    this.#reflect("project", id);
  }

  /** The server's address; the attribute of this name, else that of this script. */
  get server() {
    return webAddress(this.getAttribute("server")) ?? origin;
  }

  set server(address) {
    this.#reflect("server", address);
  }

  /** A token, or a function that is asked for one before each connection; else the attribute of this name. */
  get token() {
    return this.#token ?? this.getAttribute("token");
  }

  set token(token) {
    this.#token = token;
    this.#plan();
  }

  /**
   * @param {string} name
   * @param {string | null | undefined} value
   */
  #reflect(name, value) {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }

  connectedCallback() {
    clearTimeout(this.#leaving);
    // A property that was set before this class was known hides the accessor of its name.
    for (const name of /** @type {const} */ (["token", "job", "project", "server"])) {
      if (!Object.hasOwn(this, name)) continue;
      const value = /** @type {any} */ (this[name]);
      Reflect.deleteProperty(this, name);
      this[name] = value;
    }
    this.#shown?.view?.moved();
    this.#plan();
  }

  disconnectedCallback() {
    clearTimeout(this.#leaving);
    this.#leaving = setTimeout(() => this.#leave(), LINGER_MS);
  }

  /** A move that keeps the element alive, `moveBefore`, changes nothing. */
  connectedMoveCallback() {}

  /**
   * @param {string} _name
   * @param {string | null} before
   * @param {string | null} after
   */
  attributeChangedCallback(_name, before, after) {
    if (before !== after) this.#plan();
  }

  /** Take account of all changes of a moment at once. */
  #plan() {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      if (this.isConnected) this.#settle();
    });
  }

  /** @returns {Subject | null} */
  get #subject() {
    const id = this.getAttribute(this.kind);
    if (!id) return null;
    const limit = this.kind === "project" ? jobsOf(this.getAttribute("limit")) : 0;
    return { kind: this.kind, server: this.server, id, token: this.token, limit };
  }

  async #settle() {
    const subject = this.#subject;
    const language = languageOf(this);
    const key = subject && `${language} ${keyOf(subject)}`;
    if (key && key === this.#shown?.key) {
      this.#shown.subject.token = subject.token;
      renew(subject);
      this.#shown.view?.options();
      return;
    }
    this.#leave();
    if (!subject || !key) return;
    const shown = this.#follow(subject, key);
    const View = await viewIn(this.viewName, language);
    if (shown === this.#shown) this.#show(shown, View);
  }

  /**
   * Connect, while the view is loaded.
   *
   * @param {Subject} subject
   * @param {string} key
   */
  #follow(subject, key) {
    const shown = /** @type {Shown} */ ({ subject, key, view: null, state: null, stop: () => {} });
    this.#shown = shown;
    const update = (/** @type {unknown} */ state) => {
      shown.state = state;
      shown.view?.update(state);
    };
    shown.stop = follow(subject, { wantsLines: this.wantsLines, update });
    return shown;
  }

  /**
   * @param {Shown} shown
   * @param {ViewClass} View
   */
  #show(shown, View) {
    const { subject } = shown;
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    const read = (/** @type {string} */ path) => readJson(subject, path);
    const view = new View(root, { subject, element: this, now: clockOf(subject.server), read });
    shown.view = view;
    if (shown.state) view.update(shown.state);
    this.#ticking = setInterval(() => view.tick(), TICK_MS);
  }

  /** Show nothing, and have no connection. */
  #leave() {
    clearInterval(this.#ticking);
    this.#shown?.stop();
    this.#shown?.view?.close();
    this.#shown = null;
    this.shadowRoot?.replaceChildren();
  }
}

/**
 * An address of the web, which links may lead to; null for any other.
 *
 * @param {string | null} address
 */
function webAddress(address) {
  if (!address || !URL.canParse(address, document.baseURI)) return null;
  const { protocol, href } = new URL(address, document.baseURI);
  return /^https?:$/.test(protocol) ? href.replace(/\/+$/, "") : null;
}

/** @param {string | null} limit */
function jobsOf(limit) {
  const count = Number(limit ?? USUAL_JOBS);
  return Number.isInteger(count) && count > 0 ? Math.min(count, MOST_JOBS) : USUAL_JOBS;
}
