// The time of a line, as its reader wants it.

import { language } from "chef/i18n.js";

const clock = new Intl.DateTimeFormat(language, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** What makes a line's time a text: `since` the job's start, `clock` in the viewer's time; null for `none`. */
export function timeTexts(how, startedAt) {
  if (how === "clock") return (at) => clock.format(new Date(at));
  if (how !== "since" || !startedAt) return null;
  const start = Date.parse(startedAt);
  return (at) => since(Date.parse(at) - start);
}

/** `+0:07.250`, `+1:02:03.004`. */
export function since(milliseconds) {
  const whole = Math.max(0, Math.round(milliseconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3_600_000), Math.floor(whole / 60_000) % 60];
  const seconds = `${two(Math.floor(whole / 1000) % 60)}.${String(whole % 1000).padStart(3, "0")}`;
  return hours > 0 ? `+${hours}:${two(minutes)}:${seconds}` : `+${minutes}:${seconds}`;
}
