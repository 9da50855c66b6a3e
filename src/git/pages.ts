import { MOST_RECORDS } from './git-host.ts';
import type { HostClient, Question } from './host-client.ts';

/** All entries of a list that the host gives in pages, by its own word on the next one; at most `most`. */
export async function allPages(
  client: HostClient,
  question: Question,
  most: number = MOST_RECORDS,
): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (let page = 1; found.length < most; page++) {
    const answer = await client.ask({ ...question, query: { ...question.query, page } });
    const entries = answer.list();
    found.push(...entries);
    const total = Number(answer.headers['total_page'] ?? 0);
    const hasNext = /;\s*rel="?next"?/i.test(String(answer.headers['link'] ?? '')) || page < total;
    if (!hasNext || entries.length === 0) break;
  }
  return found.slice(0, most);
}
