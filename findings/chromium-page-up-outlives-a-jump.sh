#!/usr/bin/env bash
# Chromium goes on with the movement of a key behind a jump by script: Page Up, then `scrollTop = scrollHeight`
# two frames later, rests above the end. CSSOM View has a scroll by script abort an ongoing smooth one.
# A log that follows its end while the last line is in view therefore stops following.
#
# Seen on 2026-11-29 with Chromium 153 (headless, @sparticuz/chromium 153.0.0), puppeteer-core 25.16.0, Node 20:
#   no key: at the end
#   ArrowUp: above the end
#   PageUp: above the end
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts \
  @sparticuz/chromium@153.0.0 puppeteer-core@25.16.0 >npm.txt 2>&1 || { cat npm.txt; exit 1; }
cat >look.mjs <<'LOOK'
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const browser = await puppeteer.launch({
  args: [...chromium.args, "--no-sandbox"],
  executablePath: await chromium.executablePath(),
  headless: "shell",
});
const page = await browser.newPage();
await page.setContent(
  `<div id="log" tabindex="0" style="height: 500px; overflow: auto"><div style="height: 100000px"></div></div>`,
);
const jumpAfter = async (key) => {
  await page.evaluate(() => {
    log.scrollTop = 50_000;
    log.focus();
  });
  if (key) await page.keyboard.press(key);
  const atEnd = await page.evaluate(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await frame();
    await frame();
    log.scrollTop = log.scrollHeight;
    await new Promise((done) => setTimeout(done, 1000));
    return log.scrollTop + log.clientHeight === log.scrollHeight;
  });
  console.log(`${key ?? "no key"}: ${atEnd ? "at" : "above"} the end`);
};
for (const key of [null, "ArrowUp", "PageUp"]) await jumpAfter(key);
await browser.close();
LOOK
HOME=$folder TMPDIR=$folder node look.mjs | tee seen.txt
diff seen.txt - <<'SEEN'
no key: at the end
ArrowUp: above the end
PageUp: above the end
SEEN
