// Opens pages in Chromium and says what it saw, as JSON: requests, messages, axe violations, overflow, anchors, texts, print.
// usage: node pages.mjs CHROMIUM FOLDER_FOR_PICTURES PAGE.html ...
// Many pages of one template (MANY=1) are read by axe wide in light and narrow in dark; others in all four ways.
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
// No preload: axe would fetch the stylesheets by script, which a browser forbids for files, and says so on the console.
const RULES = { preload: false, runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] } };
const WIDTHS = [[1280, 900], [820, 1100], [390, 844]];

const [executablePath, pictures, ...pages] = process.argv.slice(2);
if (pictures !== "-") mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });

async function open(file, options, seen) {
  const context = await browser.newContext({ bypassCSP: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(300000);    // a busy machine is slow, not wrong
  page.on("request", (r) => { if (!/^(file|data|blob):/.test(r.url())) seen.requests.push(r.url()); });
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") seen.console.push(m.text()); });
  page.on("pageerror", (e) => seen.console.push(String(e)));
  page.on("dialog", (d) => { seen.dialogs.push(d.message()); d.dismiss(); });
  await page.goto(pathToFileURL(resolve(file)).href, { waitUntil: "load" });
  return { context, page };
}

const texts = () => document.querySelector("main").innerText.replace(/\s+/g, " ").trim();
const look = () => {
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  const heads = [...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].map((h) => +h.tagName[1]);
  const small = [...document.querySelectorAll("main *")].filter((e) => e.childElementCount === 0 && e.textContent.trim()
    && !e.closest("svg") && parseFloat(getComputedStyle(e).fontSize) < 9).length;
  return {
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    dead: [...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute("href").slice(1)).filter((h) => !ids.includes(h)),
    twice: ids.filter((x, i) => ids.indexOf(x) !== i),
    h1: heads.filter((h) => h === 1).length,
    jumps: heads.filter((h, i) => i > 0 && h > heads[i - 1] + 1).length,
    small,
    links: [...document.querySelectorAll('a[href]')].map((a) => a.getAttribute("href")).filter((h) => !h.startsWith("#")),
    images: [...document.images].filter((i) => !i.complete || !i.naturalWidth || !i.alt).length,
    broken: [...document.querySelectorAll("td.n, .nw")].filter((e) => e.getClientRects().length && getComputedStyle(e).whiteSpace === "nowrap"
      && [...e.childNodes].length === 1 && e.firstChild.nodeType === 3 && (() => { const r = document.createRange();
        r.selectNodeContents(e); return new Set([...r.getClientRects()].map((x) => Math.round(x.top))).size > 1; })()).length,
  };
};

const onPaper = () => ({
  // A row that may break, or that no page can hold, would be split; an interval of two lines is not one.
  rows: [...document.querySelectorAll("tbody tr, tfoot tr")].filter((r) => r.getClientRects().length
    && (getComputedStyle(r).breakInside !== "avoid" || r.getBoundingClientRect().height > 850)).length,
  light: getComputedStyle(document.body).backgroundColor,
});

async function visit(file) {
  const seen = { file, bytes: statSync(file).size, requests: [], console: [], dialogs: [], axe: [], widths: {}, print: {} };
  const name = `${basename(dirname(file))}-${basename(file, ".html")}`;
  const { context, page } = await open(file, { viewport: { width: 1280, height: 900 }, colorScheme: "light" }, seen);
  seen.text = await page.evaluate(texts);
  await page.evaluate(axe);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [width, height] of WIDTHS) {
      await page.setViewportSize({ width, height });
      if (colorScheme === "light") seen.widths[width] = await page.evaluate(look);
      const way = `${width}-${colorScheme}`;
      if (process.env.MANY ? ["1280-light", "390-dark"].includes(way) : width !== 820) {
        const found = await page.evaluate((r) => axe.run(document, r), RULES);
        seen.axe.push(...found.violations.map((v) => ({ colorScheme, width, id: v.id, n: v.nodes.length, first: v.nodes[0].html.slice(0, 200),
          why: v.nodes[0].failureSummary })));
      }
      if (pictures !== "-") await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  // Printed from a dark screen, as people do.
  await page.setViewportSize({ width: 1000, height: 1400 });
  const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true });
  const raw = pdf.toString("latin1");
  seen.print = { bytes: pdf.length, pages: (raw.match(/\/Type\s*\/Page[^s]/g) || []).length, fonts: (raw.match(/\/FontFile[23]?\b/g) || []).length };
  if (pictures !== "-") writeFileSync(join(pictures, `${name}.pdf`), pdf);
  await page.setViewportSize({ width: 680, height: 962 });
  await page.emulateMedia({ media: "print" });
  Object.assign(seen.print, await page.evaluate(onPaper), { broken: (await page.evaluate(look)).broken });
  await context.close();
  if (basename(file) === "search.html") {
    const asked = await browser.newContext();
    const search = await asked.newPage();
    search.on("pageerror", (e) => seen.console.push(String(e)));
    search.on("request", (r) => { if (!/^(file|data|blob):/.test(r.url())) seen.requests.push(r.url()); });
    await search.goto(`${pathToFileURL(resolve(file)).href}?q=landmark`);
    await search.locator("#search-results li a").nth(4).waitFor({ timeout: 60000 }).catch(() => {});
    seen.found = await search.locator("#search-results li").count();
    await asked.close();
  }
  // innerText cannot be asked for without scripts; the accessibility tree of the page can.
  const still = await open(file, { viewport: { width: 1280, height: 900 }, javaScriptEnabled: false, bypassCSP: false }, seen);
  seen.bare = (await still.page.locator("main").innerText()).replace(/\s+/g, " ").trim();
  await still.context.close();
  return seen;
}

const report = new Array(pages.length);
let next = 0;
async function worker() {
  while (next < pages.length) {
    const place = next++;
    report[place] = await visit(pages[place]);
  }
}
await Promise.all([worker(), worker()]);
await browser.close();
process.stdout.write(JSON.stringify(report));
