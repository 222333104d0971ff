// BullMQ driven by lines: "open PORT", "enqueue N BULK", "work", "stop", "close"; each is answered by "ok", jobs by "seen K".
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
const { Queue, Worker } = createRequire(process.argv[2])('bullmq');
const concurrency = Number(process.argv[3]);
const say = (line) => process.stdout.write(line + '\n');
const text = (n) => `entry-${String(n).padStart(10, '0')}-`.padEnd(100, 'x');
let connection, queue, worker, seen = 0;

function count() {   // the jobs of one turn of the event loop are told in one line
  if (seen++ === 0) setImmediate(() => { say(`seen ${seen}`); seen = 0; });
}

const commands = {
  async open(port) {
    connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
    queue = new Queue('bench', { connection });
    await queue.waitUntilReady();
  },
  async enqueue(n, bulk) {
    for (let first = 0; first < Number(n); first += Number(bulk)) {
      const some = Array.from({ length: Math.min(Number(bulk), Number(n) - first) }, (_, i) => ({ name: 'noop', data: { text: text(first + i) } }));
      await (some.length > 1 ? queue.addBulk(some) : queue.add(some[0].name, some[0].data));
    }
  },
  async work() {
    worker = new Worker('bench', async () => count(), { connection, concurrency });
    await worker.waitUntilReady();
  },
  async stop() { await worker.close(); },
  async close() { await queue.close(); },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = line.split(' ');
  await commands[name](...args);
  say('ok');
}
