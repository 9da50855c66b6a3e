// The sample application of the tour: says which version answers, and finishes what it began before it ends.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const version = readFileSync(new URL('VERSION', import.meta.url), 'utf8').trim();

if (version.includes('broken')) {
  console.error(`hello ${version}: cannot start: the setting DATABASE_HOST is missing`);
  process.exit(1);
}

const server = createServer((request, response) => {
  if (request.headers.accept?.includes('text/html')) {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(
      `<!doctype html><title>hello</title><h1 style="font:600 3rem system-ui;margin:20vh auto;text-align:center">Hello from ${version}</h1>`,
    );
  } else {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.end(`Hello from ${version}\n`);
  }
});

server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '127.0.0.1', () => {
  console.log(`hello ${version} listens on port ${server.address().port}`);
});

process.on('SIGTERM', () => server.close());
