// Appends to Emmett's PostgreSQL event store: `node emmett_load.mjs PACKAGES CONNECTION WAITING COMMANDS`. PACKAGES is a
// directory with a node_modules that holds it. Prints the rate and the latencies as JSON.
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [packages, connection, waiting, commands] = process.argv.slice(2);
const find = createRequire(pathToFileURL(`${packages}/`));
const { getPostgreSQLEventStore } = await import(pathToFileURL(find.resolve('@event-driven-io/emmett-postgresql')));
const store = getPostgreSQLEventStore(connection);
const state = randomBytes(300).toString('hex');
const latencies = [];

const append = async () => {
  const stream = `tenant-${randomBytes(8).toString('hex')}`;
  const started = performance.now();
  await store.appendToStream(stream, [{ type: 'TenantActivated', data: { state } }], {
    expectedStreamVersion: 'STREAM_DOES_NOT_EXIST',
  });
  latencies.push((performance.now() - started) / 1000);
};
const load = async (count) => {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await append();
  };
  await Promise.all(Array.from({ length: Number(waiting) }, worker));
};

await load(Number(commands) / 10);
latencies.length = 0;
const started = performance.now();
await load(Number(commands));
const seconds = (performance.now() - started) / 1000;
console.log(JSON.stringify({ seconds, latencies }));
await store.close();
