// The style of the elements, for their shadow trees alone. A page sets the properties named --chef-…, and styles parts.
// No style sheet and no style attribute is loaded or parsed, so the strictest policy of a page does without style-src.

const COLORS = `
:host {
  --panel: var(--chef-background, light-dark(#ffffff, #151a21));
  --text: var(--chef-text, light-dark(#17202c, #e4e9f0));
  --muted: var(--chef-muted, light-dark(#556070, #9ba8b8));
  --border: var(--chef-border, light-dark(#dbe0e7, #2a323d));
  --accent: var(--chef-accent, light-dark(#1261b8, #7ab7ff));
  --running: var(--chef-running, light-dark(#1668c7, #4d9df5));
  --good: var(--chef-good, light-dark(#0f7a44, #3fbf7f));
  --bad: var(--chef-bad, light-dark(#c02a26, #ff7a72));
  --warn: var(--chef-warn, light-dark(#8a5a00, #e5b04c));
  --idle: light-dark(#626c7a, #8d99a8);
  --on: light-dark(#ffffff, #0e1217);
  --sans: var(--chef-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif);
  --mono: var(--chef-mono, ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace);
}
[data-status] { --status: var(--idle); }
:is([data-status="preparing"], [data-status="installing"], [data-status="building"]) { --status: var(--running); }
[data-status="completed"] { --status: var(--good); }
[data-status="failed"] { --status: var(--bad); }
:is([data-status="lost"], [data-status="abandoned"]) { --status: var(--warn); }
`;

const FRAME = `
:host {
  display: block; box-sizing: border-box; min-width: 0;
  color: var(--text); font: 15px/1.5 var(--sans); text-align: start; letter-spacing: normal; text-transform: none;
}
:host([hidden]) { display: none; }
*, ::before, ::after { box-sizing: border-box; }
[hidden], :is(p, .status, .time):empty { display: none; }
p, ul { margin: 0; padding: 0; list-style: none; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.progress, .project, .frame {
  background: var(--panel); border: 1px solid var(--border); border-radius: var(--chef-radius, 10px);
}
.progress, .project { padding: 0.7rem 0.9rem; overflow-wrap: anywhere; }
.said {
  position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
p.said:empty { display: block; }
.connection { color: var(--muted); font-size: 0.88rem; }
.connection:is([data-state="reconnecting"], [data-state="unauthorized"], [data-state="forbidden"], [data-state="refused"], [data-state="not-found"]) {
  color: var(--warn);
}
p.connection:empty { display: block; }
`;

const JOB = `
.head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.75rem; }
.name { min-width: 0; color: var(--text); font-weight: 650; }
.status { color: var(--status); font-weight: 600; font-size: 0.93em; }
/* State as a sign, too, and not as a colour alone. */
.status::before { content: "○" / ""; margin-right: 0.35em; }
:is([data-status="preparing"], [data-status="installing"], [data-status="building"]) .status::before { content: "●" / ""; }
[data-status="completed"] .status::before { content: "✓" / ""; }
[data-status="failed"] .status::before { content: "✕" / ""; }
[data-status="cancelled"] .status::before { content: "⊘" / ""; }
:is([data-status="lost"], [data-status="abandoned"]) .status::before { content: "?" / ""; }
.line { display: flex; align-items: center; gap: 0.75rem; margin: 0.3rem 0; }
.bar {
  position: relative; flex: 1; min-width: 0; height: var(--chef-bar-height, 0.6rem); overflow: hidden;
  border-radius: 999px; background: var(--chef-track, var(--border));
}
.fill, .expected { position: absolute; inset: 0 auto 0 0; border-radius: 999px; transition: width 0.4s ease-out; }
.fill { background: var(--status); }
.expected {
  background: repeating-linear-gradient(-45deg, var(--status) 0 3px, color-mix(in srgb, var(--status) 30%, var(--panel)) 3px 7px);
}
.percent { flex: none; min-width: 3.2em; text-align: end; font-weight: 650; font-variant-numeric: tabular-nums; }
.times, .time { color: var(--muted); font-size: 0.93em; font-variant-numeric: tabular-nums; }
.message { color: var(--muted); font-size: 0.93em; }
[data-status="failed"] .message { color: var(--bad); }
/* What is shown is not as it is now. */
[data-stale] :is(.fill, .expected) { opacity: 0.45; }
.project-name { font-weight: 650; }
.job { padding: 0.45rem 0; border-top: 1px solid var(--border); }
.job:first-child { border-top: 0; }
.job[data-over] .line { display: none; }
.job .name { font-weight: 550; }
.job .time { margin-inline-start: auto; }
.job .line { margin: 0.1rem 0; }
.job .bar { height: 0.35rem; }
.job .percent { font-size: 0.88em; }
.project .empty { color: var(--muted); }
`;

const LOG = `
:host(chef-log) { height: var(--chef-log-height, 24rem); }
.frame { position: relative; display: flex; flex-direction: column; height: 100%; overflow: hidden; }
.log {
  position: relative; flex: 1 1 auto; min-height: 3lh; overflow: auto; overflow-anchor: none; overscroll-behavior: auto;
  /* All rows in view are in the document: however high the element is, so many are. */
  max-height: 100lh;
  padding: 6px 0; direction: ltr;
  font-family: var(--mono); font-size: var(--chef-log-font-size, 13px); line-height: var(--chef-log-line-height, 20px);
}
.log:focus-visible { outline: none; }
.frame:has(> .log:focus-visible) { outline: 2px solid var(--accent); outline-offset: 1px; }
.frame > p:not(.said) { padding: 0.3rem 0.9rem; border-top: 1px solid var(--border); font-size: 0.88rem; }
.frame > p:not(.said):empty { padding: 0; border: 0; }
.frame > .note { color: var(--muted); }
.log > .empty { padding: 0 0.9rem; color: var(--muted); font-family: var(--sans); }
.lines { position: relative; }
.rows { position: absolute; top: 0; left: 0; width: max-content; min-width: 100%; }
.row { position: relative; min-height: 1lh; padding: 0 0.9rem 0 4.6em; white-space: pre; tab-size: 8; }
.row::before {
  content: attr(data-n); content: attr(data-n) / ""; position: sticky; left: 0; z-index: 1; display: inline-block; width: 4.6em; margin-left: -4.6em;
  padding-right: 0.8em; text-align: right; background: var(--panel); color: var(--muted); user-select: none; -webkit-user-select: none;
}
.row.kept { position: absolute; top: 0; opacity: 0; pointer-events: none; }
.row.group-end { color: var(--muted); }
.row .marker { display: none; }
.row .bidi { unicode-bidi: isolate; }
.row a { text-decoration: underline; text-underline-offset: 2px; }
.wrap .rows { width: 100%; }
.wrap .row { white-space: pre-wrap; overflow-wrap: anywhere; }
.row:is([data-level="warning"], [data-level="warn"]) { color: var(--warn); }
.row:is([data-level="error"], [data-level="fatal"], [data-level="critical"]) { color: var(--bad); }
.row:is([data-level="debug"], [data-level="trace"]) { color: var(--muted); }
.sgr-bold { font-weight: 700; }
.sgr-italic { font-style: italic; }
.sgr-underline { text-decoration: underline; }
.sgr-strikethrough { text-decoration: line-through; }
.sgr-overline { text-decoration: overline; }
.sgr-underline.sgr-strikethrough { text-decoration: underline line-through; }
.jump {
  position: absolute; left: 50%; bottom: 0.9rem; z-index: 2; transform: translateX(-50%); min-height: 2rem; padding: 0.3rem 1rem;
  border: 0; border-radius: 999px; background: var(--running); color: var(--on); font: 600 0.85rem/1.4 var(--sans);
  white-space: nowrap; cursor: pointer; box-shadow: 0 2px 10px rgb(0 0 0 / 25%);
}
`;

const CIRCUMSTANCES = `
@media (pointer: coarse) { .jump { min-height: 44px; } .name, .project-name { display: inline-block; padding-block: 0.5rem; } }
@media (prefers-reduced-motion: reduce) { .fill, .expected { transition: none; } }
@media (forced-colors: active) {
  .bar { border: 1px solid CanvasText; background: Canvas; forced-color-adjust: none; }
  .fill { background: Highlight; }
}
@media print { .jump { display: none; } }
`;

export const styleSheet = new CSSStyleSheet();
styleSheet.replaceSync([COLORS, FRAME, JOB, LOG, CIRCUMSTANCES].join(""));
