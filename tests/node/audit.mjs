// node audit.mjs URL [TOKEN]: runs the audit suite of graphql-http and prints {total, passed, failed: [name: reason]}.
import { serverAudits } from 'graphql-http';

const [url, token] = process.argv.slice(2);
const fetchFn = (address, init = {}) =>
  fetch(address, token ? { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } } : init);

const failed = [];
let passed = 0;
const audits = serverAudits({ url, fetchFn });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status === 'ok') passed += 1;
  else failed.push(`${audit.name}: ${result.status}: ${result.reason}`);
}
console.log(JSON.stringify({ total: audits.length, passed, failed }));
