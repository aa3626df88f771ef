// Where a build comes from, as words that are links, as chef/pages/sources.py says it, by the same tables.

import { constants } from "chef/constants.js";
import { webUrl } from "chef/format.js";
import { texts } from "chef/texts.js";

/** @import { Forge } from "chef/constants.js" */

/** Its text, and the address that it leads to, if any. @typedef {{ kind: string, text: string, href: string | null }} Source */

const { kinds, forges, ciSystems } = constants.sources;

/**
 * Whether an entry of `meta` says where the build comes from; the others are details.
 *
 * @param {[string, unknown]} entry
 */
export function isSource([kind, value]) {
  const isNumber = kind === "pullRequest" && Number.isInteger(value);
  return kinds.includes(kind) && (isNumber || (typeof value === "string" && value !== ""));
}

/**
 * @param {Record<string, unknown>} meta
 * @returns {Source[]}
 */
export function sources(meta) {
  const repository = webUrl(meta.repository);
  const forge = repository ? forgeOf(repository, String(meta.url ?? "")) : undefined;
  return kinds
    .filter((kind) => Object.hasOwn(meta, kind) && isSource([kind, meta[kind]]))
    .map((kind) => sourceOf(kind, String(meta[kind]), repository, forge));
}

/**
 * @param {string} repository
 * @param {string} url
 */
function forgeOf(repository, url) {
  const run = ciSystems.find(([pattern]) => new RegExp(pattern).test(url))?.[2] ?? "";
  for (const name of [new URL(repository).hostname, run]) {
    const found = name && forges.find(({ host }) => new RegExp(host).test(name));
    if (found) return found;
  }
  return undefined;
}

/**
 * @param {string} kind
 * @param {string} text
 * @param {string | null} repository
 * @param {Forge | undefined} forge
 * @returns {Source}
 */
function sourceOf(kind, text, repository, forge) {
  const url = webUrl(text);
  if (kind === "url") return { kind, text: url ? placeOf(text) : text, href: url };
  if (kind === "pullRequest" && /^\d+$/.test(text)) {
    return { kind, text: `${forge?.mark ?? "#"}${text}`, href: below(repository, forge, kind, text) };
  }
  if (kind === "branch" || (kind === "commit" && /^[0-9a-f]{7,64}$/i.test(text))) {
    return { kind, text, href: below(repository, forge, kind, text) };
  }
  return { kind, text, href: url };
}

/**
 * An address of the repository; a text that is an address itself leads there.
 *
 * @param {string | null} repository
 * @param {Forge | undefined} forge
 * @param {string} kind
 * @param {string} text
 */
function below(repository, forge, kind, text) {
  const url = webUrl(text);
  if (!repository || !forge || url) return url;
  const place = encodeURIComponent(text)
    .replaceAll("%2F", "/")
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${repository.replace(/\.git$/, "").replace(/\/+$/, "")}${forge[/** @type {"branch"} */ (kind)]}${place}`;
}

/** @param {string} url */
function placeOf(url) {
  const name = ciSystems.find(([pattern]) => new RegExp(pattern).test(url))?.[1];
  return name ? texts.openIn(name) : new URL(url).host;
}
