// What a terminal takes as a command and a page does not. Pure.

/** CSI, OSC and other strings, two-byte escapes, control characters. chef/domain/text.py says the same: change both. */
export const ESCAPES =
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x1b\\|\x07|\x9c|$)|[\x90\x98\x9d-\x9f].*?(?:\x1b\\|\x07|\x9c)|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]/gs;

/** A log line without what a terminal would take as a command; tabs stay. */
export function cleanText(text) {
  return text.replace(ESCAPES, "");
}
