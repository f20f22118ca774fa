// node graphiql.mjs URL TOKEN QUERYFILE...: opens URL (a /graphiql) in a headless Chromium, pastes the token into the
// header editor, types each document, runs it and prints {results: [what the page shows], documentation, foreign: [], violations: []}.
// CHROMIUM names the browser (default /usr/bin/chromium), SCREENSHOT a PNG file to write at the end.
import { readFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const [url, token, ...files] = process.argv.slice(2);
const origin = new URL(url).origin;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
page.setDefaultTimeout(20_000);

const foreign = [];
const violations = [];
const noteRequest = (address) => {
  const { protocol, host } = new URL(address);
  if (protocol !== 'data:' && host !== new URL(origin).host) foreign.push(address);
};
page.on('request', (request) => noteRequest(request.url()));
page.on('websocket', (socket) => noteRequest(socket.url()));
page.on('pageerror', (error) => violations.push(`error: ${error.message}`));
page.on('console', (message) => {
  if (/content security policy/i.test(message.text())) violations.push(message.text());
});
await page.addInitScript(() => {
  window.policyViolations = [];
  document.addEventListener('securitypolicyviolation', (event) =>
    window.policyViolations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`),
  );
});

const answer = await page.goto(url);
const policy = answer.headers()['content-security-policy'];
await page.waitForSelector('.graphiql-query-editor .CodeMirror');

// Types as a person would: select all, then replace. Waits until the editor shows what was typed.
const fill = async (selector, text) => {
  await page.click(`${selector} .CodeMirror`);
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(text);
  await page.waitForFunction(
    ([where, wanted]) => document.querySelector(`${where} .CodeMirror`).CodeMirror.getValue() === wanted,
    [selector, text],
  );
};
const shown = () =>
  page.evaluate(() => document.querySelector('.graphiql-response .CodeMirror')?.CodeMirror.getValue() ?? '');

const starter = await page.evaluate(
  () => document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.getValue(),
);
if (token) {
  await fill('.graphiql-editor-tool .graphiql-editor:not(.hidden)', JSON.stringify({ Authorization: `Bearer ${token}` }));
}

const results = [];
for (const file of files) {
  const document = (await readFile(file, 'utf8')).trim();
  await fill('.graphiql-query-editor', document);
  // The editor parses a moment after the last key, and only then knows what kind of operation it is.
  await page.waitForFunction(
    (wanted) =>
      window.document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.documentAST?.loc.source.body === wanted,
    document,
  );
  await page.evaluate(() => document.querySelector('.graphiql-response .CodeMirror')?.CodeMirror.setValue(''));
  await page.click('.graphiql-execute-button');
  await page.waitForFunction(() => {
    const text = document.querySelector('.graphiql-response .CodeMirror')?.CodeMirror.getValue() ?? '';
    return text.includes('"data"') || text.includes('"errors"');
  });
  results.push(JSON.parse(await shown()));
  // A subscription goes on until it is stopped; the same button stops it.
  const stop = page.locator('.graphiql-execute-button[aria-label^="Stop"]');
  if (await stop.count()) await stop.click();
}
// What opens beside the editor is under the same policy.
await page.click('button[aria-label="Show Documentation Explorer"]');
await page.waitForSelector('.graphiql-doc-explorer');
const documentation = await page.textContent('.graphiql-doc-explorer');
await page.click('button[aria-label="Open settings dialog"]');
await page.waitForSelector('.graphiql-dialog');
await page.keyboard.press('Escape');
await page.waitForSelector('.graphiql-dialog', { state: 'detached' });
violations.push(...(await page.evaluate(() => window.policyViolations)));
if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
console.log(JSON.stringify({ results, starter, documentation, policy, foreign, violations }, null, 2));
await browser.close();
