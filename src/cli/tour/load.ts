import { Agent, request } from 'node:http';

/** Asks the application as a browser would, at its own host name; node does not resolve names below .localhost. */
export function askApp(
  ingressUrl: string,
  host: string,
  agent?: Agent,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(ingressUrl, { headers: { Host: host }, ...(agent && { agent }) }, (answer) => {
      answer.setEncoding('utf8');
      let text = '';
      answer.on('data', (part: string) => (text += part));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: text.trim() }));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

export interface LoadReport {
  readonly sent: number;
  readonly failed: number;
  /** How often each answer came. */
  readonly answers: ReadonlyMap<string, number>;
}

/** A steady stream of requests, whether or not the ones before have been answered. */
export class Load {
  readonly #ask: () => Promise<{ readonly status: number; readonly text: string }>;
  readonly #timer: NodeJS.Timeout;
  readonly #agent: Agent;
  readonly #open = new Set<Promise<void>>();
  readonly #answers = new Map<string, number>();
  #sent = 0;
  #failed = 0;

  constructor(ingressUrl: string, host: string, perSecond: number, { keepAlive = true } = {}) {
    this.#agent = new Agent({ keepAlive });
    this.#ask = () => askApp(ingressUrl, host, this.#agent);
    const start = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - start) / 1000) * perSecond);
      while (this.#sent < due) this.#send();
    }, 1000 / perSecond);
  }

  #send(): void {
    this.#sent += 1;
    const asked = this.#ask().then(
      ({ status, text }) => {
        if (status !== 200) this.#failed += 1;
        this.#answers.set(text, (this.#answers.get(text) ?? 0) + 1);
      },
      () => {
        this.#failed += 1;
      },
    );
    this.#open.add(asked);
    void asked.finally(() => this.#open.delete(asked));
  }

  async stop(): Promise<LoadReport> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
    return { sent: this.#sent, failed: this.#failed, answers: this.#answers };
  }
}
