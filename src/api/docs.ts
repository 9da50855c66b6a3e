import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';

/** The page runs its own script over our own document, and reaches nothing else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const files = [
  ['/docs', 'page.html', 'text/html; charset=utf-8'],
  ['/docs/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/docs/page.js', 'page.js', 'text/javascript; charset=utf-8'],
] as const;

/** Serves `/docs`, the reference page over `/openapi.json`; it works without internet. */
export async function addDocs(app: FastifyInstance): Promise<void> {
  for (const [url, file, type] of files) {
    const content = await readFile(new URL(`./docs/${file}`, import.meta.url), 'utf8');
    app.get(url, { config: { permission: 'public' }, schema: { hide: true } }, async (_, reply) =>
      reply
        .type(type)
        .header('Content-Security-Policy', POLICY)
        .header('X-Content-Type-Options', 'nosniff')
        .header('Referrer-Policy', 'no-referrer')
        .serializer(String)
        .send(content),
    );
  }
}
