// Runs one occurrence of each of so many job schedulers of BullMQ, all due at once; prints how many microseconds it took.
//
//   node run.mjs <Redis's port> <schedulers>
import { Queue, Worker } from 'bullmq';

const [port, count] = process.argv.slice(2).map(Number);
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
// As many as a node of Wabacus runs at the same time.
const concurrency = 64;
const DAY = 24 * 60 * 60 * 1000;

const queue = new Queue('empty', { connection });
// The first occurrence of `every` is due at once, and waits until a worker comes.
for (let from = 0; from < count; from += 500) {
  const some = Array.from({ length: Math.min(500, count - from) }, (_, index) => from + index);
  await Promise.all(some.map((number) =>
    queue.upsertJobScheduler(`organisation-${number}`, { every: DAY }, { name: 'empty', opts: { removeOnComplete: 1000 } })));
}

let done = 0;
let finish;
const finished = new Promise((resolve) => { finish = resolve; });
const began = process.hrtime.bigint();
const worker = new Worker('empty', async () => {}, { connection, concurrency });
worker.on('completed', () => { done += 1; if (done === count) finish(); });
worker.on('failed', (job, error) => { console.error(error); process.exit(1); });
await finished;
const took = process.hrtime.bigint() - began;

// The next occurrence of each is there, as it is with Wabacus.
const delayed = await queue.getDelayedCount();
if (delayed !== count) {
  console.error(`expected ${count} occurrences to come, found ${delayed}`);
  process.exit(1);
}
console.log(String(took / 1000n));
await worker.close();
await queue.close();
process.exit(0);
