// Lines of a log by which a build says something of a level, at a place: the workflow commands of GitHub, Azure and
// TeamCity. Pure. The server reads the same by the same patterns (chef/domain/workflow.py).

import { constants } from "chef/constants.js";

/** What a line says: its level, and its text on one line. @typedef {{ level: string, text: string }} Annotation */

const { github, azure, issue, teamcity, attribute } = constants.annotations.patterns;
const { percentCodes, teamcityCodes, teamcityLevels } = constants.annotations;
const [GITHUB, AZURE, ISSUE, TEAMCITY] = [github, azure, issue, teamcity].map((one) => new RegExp(one));
const ATTRIBUTE = new RegExp(attribute, "g");
const PERCENT = new RegExp(`%(${Object.keys(percentCodes).join("|")})`, "gi");
const LINE_ENDS = /\s*[\n\r\x85\u2028\u2029]\s*/g;

/**
 * The annotation that a line is, null for any other line.
 *
 * @param {string} text without escapes
 * @returns {Annotation | null}
 */
export function annotationOf(text) {
  if (!text.includes("::") && !text.includes("##")) return null;
  const [command, format] = [GITHUB.exec(text), AZURE.exec(text)];
  if (command) {
    const named = valuesIn(command[2] ?? "", ",");
    return made(command[1], [placeIn(named, "file", "line", "col"), named.get("title"), command[3]]);
  }
  if (format) return made(format[1], [format[2]]);
  const found = ISSUE.exec(text);
  if (!found) return teamcityAnnotation(text);
  const named = valuesIn(found[1], ";");
  const level = named.get("type") === "error" ? "error" : "warning";
  return made(level, [placeIn(named, "sourcepath", "linenumber", "columnnumber"), found[2]]);
}

/**
 * @param {string} text
 * @returns {Annotation | null}
 */
function teamcityAnnotation(text) {
  const found = TEAMCITY.exec(text);
  if (!found) return null;
  const named = new Map([...found[2].matchAll(ATTRIBUTE)].map((one) => [one[1], one[2]]));
  const level = found[1] === "message" ? teamcityLevels[named.get("status") ?? ""] : "error";
  const parts = ["name", "text", "description", "message"].map((name) => named.get(name) ?? "");
  return level ? { level, text: lineOf(parts.filter(Boolean).map(barsDecoded)) } : null;
}

/**
 * @param {string} text
 * @param {string} separator
 */
function valuesIn(text, separator) {
  /** @param {string} one */
  const pair = (one) => {
    const [name, ...values] = one.split("=");
    return /** @type {[string, string]} */ ([name, values.join("=")]);
  };
  return new Map(text.split(separator).map((one) => pair(one.trim())));
}

/**
 * File, line and column, as many as are given, with colons between.
 *
 * @param {Map<string, string>} named
 * @param {string[]} names
 */
function placeIn(named, ...names) {
  const [file, ...numbers] = names.map((name) => named.get(name) ?? "");
  return file ? [file, ...numbers.filter(Boolean)].join(":") : "";
}

/**
 * @param {string} level
 * @param {(string | undefined)[]} parts
 */
function made(level, parts) {
  return { level, text: lineOf(parts.map((part) => percentsDecoded(part ?? "")).filter(Boolean)) };
}

/** @param {string[]} parts */
function lineOf(parts) {
  return parts
    .map((part) => part.trim())
    .join(": ")
    .replace(LINE_ENDS, " ");
}

/**
 * A value or a message of GitHub's or Azure's commands.
 *
 * @param {string} text
 */
export function percentsDecoded(text) {
  return text.replace(PERCENT, (_, code) => percentCodes[code.toUpperCase()]);
}

/** @param {string} text */
function barsDecoded(text) {
  return text.replace(/\|(0x[0-9A-Fa-f]{4}|.)/g, (_, code) =>
    code.length > 1 ? String.fromCharCode(Number(code)) : (teamcityCodes[code] ?? code),
  );
}
