// A job as it is seen from another tab: the title, the icon, and a notification at its end if one asks for it.

import { byId, now, setText } from "chef/dom.js";
import { jobName } from "chef/format.js";
import { addKeys } from "chef/keys.js";
import { remember, remembered } from "chef/memory.js";
import { shownBar } from "chef/shown-bar.js";
import { shownStatus } from "chef/silence.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

/** @import { Job } from "chef/state.js" */

const ICON_STEP = 5;

/**
 * Show a job in the tab's title and icon.
 *
 * @param {Job | null} job
 */
export function showTab(job) {
  if (!job) return;
  const status = shownStatus(job, now());
  const bar = shownBar(job, now());
  const number = hasEnded(job) || status === "lost" ? "" : bar?.number;
  const title = `${number ? `${number} ` : ""}${texts.status[status]} · ${jobName(job)}`;
  if (document.title !== title) document.title = title;
  const step = Math.floor((bar?.percent ?? job.progress) / ICON_STEP) * ICON_STEP;
  const icon = `/favicon.svg?status=${status}&progress=${step}`;
  const link = byId("favicon", HTMLLinkElement);
  if (link.getAttribute("href") !== icon) link.href = icon;
}

/** The button that asks for a notification at a job's end. */
export class Notifier {
  #button = byId("notify");
  #isPossible;
  #key;
  #isWanted = false;
  /** @type {boolean | null} */
  #hasEnded = null;

  /** @param {string} jobId */
  constructor(jobId) {
    this.#key = `chef.notify.${jobId}`;
    // Where notifications need a service worker, as on phones, a page has none to offer.
    this.#isPossible = "Notification" in window && isSecureContext && !/android/i.test(navigator.userAgent);
    if (!this.#isPossible) return;
    this.#isWanted = Notification.permission === "granted" && remembered(this.#key, { forTab: true });
    this.#button.addEventListener("click", () => this.#toggle());
    addKeys({ name: "notify", key: "b", description: texts.keys.notify, handler: () => this.#toggle() });
  }

  /**
   * See how the job is; tell of its end, if that was asked for and nobody looks.
   *
   * @param {Job | null} job
   */
  follow(job) {
    const ended = hasEnded(job);
    if (job && ended && this.#hasEnded === false && this.#isWanted && document.hidden) this.#tell(job);
    this.#hasEnded = ended;
    this.#paint();
  }

  async #toggle() {
    if (this.#button.hidden) return;
    this.#isWanted = !this.#isWanted && (await Notification.requestPermission()) === "granted";
    remember(this.#key, this.#isWanted, { forTab: true });
    this.#paint();
  }

  #paint() {
    this.#button.hidden = !this.#isPossible || this.#hasEnded !== false;
    if (this.#button.hidden) return;
    const blocked = Notification.permission === "denied";
    const { ask, on, askTip, onTip, blocked: blockedTip } = texts.notify;
    this.#button.setAttribute("aria-pressed", String(this.#isWanted));
    this.#button.title = blocked ? blockedTip : this.#isWanted ? onTip : askTip;
    setText(byId("notify-word"), this.#isWanted ? on : ask);
  }

  /** @param {Job} job */
  #tell(job) {
    const about = new Notification(`${texts.status[job.status]} · ${jobName(job)}`, {
      body: job.error?.message ?? job.message ?? "",
      icon: `/favicon.svg?status=${job.status}`,
      tag: this.#key,
    });
    about.addEventListener("click", () => {
      window.focus();
      about.close();
    });
  }
}
