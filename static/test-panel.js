// The tests of a job: rendered by the server, and read anew when their counts have changed.

import { base, showsAll } from "chef/base.js";
import { DelayedCall } from "chef/delayed-call.js";
import { byId } from "chef/dom.js";

/** @import { Job } from "chef/state.js" */

// Reports often come several at a time, and not all viewers of a job should ask at once.
const RENEW_MS = 400;

export class TestPanel {
  #url;
  /** The counts that the panel shows or is about to, as text. @type {string | undefined} */
  #counts;
  #renewing = new DelayedCall(() => this.#renew());

  /**
   * @param {string} jobId
   * @param {Job | null} job as the page was rendered with it
   */
  constructor(jobId, job) {
    this.#url = `${base}/jobs/${encodeURIComponent(jobId)}/tests`;
    this.#counts = JSON.stringify(job?.tests);
  }

  /**
   * Show the tests of a job as it is now.
   *
   * @param {Job | null} job
   */
  show(job) {
    const counts = JSON.stringify(job?.tests);
    if (counts === this.#counts || !showsAll) return;
    this.#counts = counts;
    if (counts === undefined) byId("tests-place").replaceChildren();
    else this.#renewing.after(RENEW_MS + Math.random() * RENEW_MS);
  }

  async #renew() {
    const answer = await fetch(this.#url, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) {
      this.#counts = undefined;
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const panel = page.getElementById("tests");
    if (panel) replace(document.importNode(panel, true));
  }
}

/**
 * Put a newer panel in the place of the old one; what was open stays so, and so does the focus.
 *
 * @param {HTMLElement} panel
 */
function replace(panel) {
  const place = byId("tests-place");
  const open = new Set([...place.querySelectorAll("details[open]")].map(nameOf));
  const focused = place.contains(document.activeElement)
    ? nameOf(document.activeElement?.closest("details"))
    : null;
  for (const one of panel.querySelectorAll("details")) one.open = open.has(nameOf(one));
  place.replaceChildren(panel);
  if (focused === null) return;
  const same = [...panel.querySelectorAll("details")].find((one) => nameOf(one) === focused);
  same?.querySelector("summary")?.focus({ preventScroll: true });
}

/**
 * The name of a test's details, the same in each panel.
 *
 * @param {Element | null | undefined} details
 */
function nameOf(details) {
  return details?.getAttribute("data-test") ?? null;
}
