import { randomUUID } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openStore } from '../src/store/open.ts';

/** The least that a durable POST can be: one insert into the same table, requests that wait together share a commit. */
const [directory = ''] = process.argv.slice(2);

await (await openStore({ dataDir: directory, log: { warn: () => {} } })).close();
const database = new DatabaseSync(join(directory, 'openstage.db'));
database.exec('pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -8000');
const insert = database.prepare(
  `insert into components (id, project_id, application_id, name, name_key, runtime, category, deleting, creator, create_time, update_time)
   values (?, 'project', 'application', ?, ?, ?, ?, 0, 'admin', ?, ?)`,
);

interface Waiting {
  readonly body: string;
  readonly response: ServerResponse;
}
let waiting: Waiting[] = [];

function commit(): void {
  const batch = waiting;
  waiting = [];
  database.exec('begin immediate');
  const answers = batch.map(({ body }) => {
    const { name, runtime, category } = JSON.parse(body);
    const id = randomUUID();
    const now = Date.now();
    insert.run(id, name, String(name).toLowerCase(), runtime, category, now, now);
    return JSON.stringify({ id, name, runtime, category, create_time: now, update_time: now });
  });
  database.exec('commit');
  batch.forEach(({ response }, index) => {
    const answer = answers[index] ?? '';
    response.writeHead(200, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(answer),
    });
    response.end(answer);
  });
}

const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (part: string) => (body += part));
  request.on('end', () => {
    if (waiting.push({ body, response }) === 1) setImmediate(commit);
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.(typeof address === 'object' && address !== null ? address.port : 0);
});
process.on('disconnect', () => process.exit(0));
