// The chart of the durations of a project's runs: rendered by the server, and read anew after an end.

import { base } from "chef/base.js";
import { DelayedCall } from "chef/delayed-call.js";
import { setWhen } from "chef/dom.js";

const RENEW_MS = 1_000;

export class DurationChart {
  #url;
  #renewing = new DelayedCall(() => this.#renew());

  /** @param {string} projectId */
  constructor(projectId) {
    const kind = new URLSearchParams(location.search).get("kind");
    const query = kind === null ? "" : `?${new URLSearchParams({ kind })}`;
    this.#url = `${base}/projects/${encodeURIComponent(projectId)}/durations${query}`;
  }

  /** A run has ended: the chart is another one, a little later, and not once for each of many. */
  renewSoon() {
    this.#renewing.after(RENEW_MS);
  }

  async #renew() {
    const answer = await fetch(this.#url, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const chart = page.getElementById("durations");
    if (chart) this.#replace(document.importNode(chart, true));
  }

  /** @param {HTMLElement} chart */
  #replace(chart) {
    const before = document.getElementById("durations");
    const focused = before?.contains(document.activeElement) ? document.activeElement : null;
    const isOpen = before?.querySelector("details")?.open ?? false;
    chart.querySelector("details")?.toggleAttribute("open", isOpen);
    if (before) before.replaceWith(chart);
    else document.getElementById("durations-place")?.append(chart);
    showTimes(chart);
    if (focused) sameLink(chart, focused)?.focus({ preventScroll: true });
  }

  /** Say anew how long ago the runs were. */
  tick() {
    const chart = document.getElementById("durations");
    if (chart) showTimes(chart);
  }
}

/**
 * The link that stands for another one in a newer chart: it leads to the same run from the same part of it.
 *
 * @param {HTMLElement} chart
 * @param {Element} link
 */
function sameLink(chart, link) {
  /** @type {(HTMLAnchorElement | SVGAElement)[]} */
  const links = [...chart.querySelectorAll("a")];
  return links.find(
    (one) =>
      one.getAttribute("href") === link.getAttribute("href") &&
      one.parentElement?.tagName === link.parentElement?.tagName,
  );
}

/** @param {HTMLElement} chart */
function showTimes(chart) {
  for (const time of chart.querySelectorAll("time")) setWhen(time, time.dateTime);
}
