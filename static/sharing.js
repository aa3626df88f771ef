// The dialog that makes share links, and ends them; only where the viewer may.

import { getJson } from "chef/api.js";
import { byId, clone, field, setText } from "chef/dom.js";
import { localTime } from "chef/i18n.js";
import { texts } from "chef/texts.js";

/** A share link, as the API answers it. @typedef {{ id: string, level: "progress" | "summary" | "log", expiresAt: string, url: string }} ShareLink */

/** @param {string} path of the API, where links of this page's job or project are made and listed */
export function addSharing(path) {
  const button = document.getElementById("share");
  if (button) new SharingDialog(button, path);
}

class SharingDialog {
  #dialog = byId("share-dialog", HTMLDialogElement);
  #form = byId("share-form", HTMLFormElement);
  #list = byId("share-links");
  #path;

  /**
   * @param {HTMLElement} button
   * @param {string} path
   */
  constructor(button, path) {
    this.#path = path;
    button.hidden = false;
    button.addEventListener("click", () => this.#open());
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#do(() => this.#make());
    });
  }

  #open() {
    setText(byId("share-said"), "");
    this.#dialog.showModal();
    this.#do(() => this.#read());
  }

  /**
   * Do something, or say that it did not work.
   *
   * @param {() => Promise<void>} step
   */
  async #do(step) {
    try {
      await step();
    } catch {
      setText(byId("share-said"), texts.share.failed);
    }
  }

  async #read() {
    /** @type {{ shares: ShareLink[] }} */
    const { shares } = await getJson(this.#path);
    this.#list.replaceChildren(...shares.map((share) => this.#item(share)));
    this.#count();
  }

  async #make() {
    const given = new FormData(this.#form);
    const body = JSON.stringify({ level: given.get("level"), days: Number(given.get("days")) });
    /** @type {ShareLink} */
    const share = await send("POST", this.#path, body);
    const item = this.#item(share);
    this.#list.prepend(item);
    this.#count();
    setText(byId("share-said"), texts.share.made);
    field(item, "url", HTMLInputElement).select();
  }

  /** @param {ShareLink} share */
  #item(share) {
    const item = clone("share-link-template");
    const until = localTime(share.expiresAt);
    setText(field(item, "words"), texts.share.link(texts.share.levels[share.level], until));
    const url = field(item, "url", HTMLInputElement);
    url.value = share.url;
    url.addEventListener("focus", () => url.select());
    const copy = field(item, "copy");
    copy.hidden = !navigator.clipboard;
    copy.addEventListener("click", () =>
      this.#do(async () => {
        await navigator.clipboard.writeText(share.url);
        setText(byId("share-said"), texts.copied);
      }),
    );
    field(item, "end").addEventListener("click", () => this.#do(() => this.#end(share, item)));
    return item;
  }

  /**
   * @param {ShareLink} share
   * @param {HTMLElement} item
   */
  async #end(share, item) {
    await send("DELETE", `/api/shares/${share.id}`);
    item.remove();
    this.#count();
    setText(byId("share-said"), texts.share.ended);
  }

  #count() {
    byId("share-links-title").hidden = this.#list.childElementCount === 0;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {string} [body]
 */
async function send(method, path, body) {
  const signal = AbortSignal.timeout(20_000);
  const answer = await fetch(path, { method, body, headers: { "Content-Type": "application/json" }, signal });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}
