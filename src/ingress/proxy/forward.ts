import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { allRefused, answer, broken, crowded, noTarget, refused } from './answers.ts';
import type { Broken } from './answers.ts';
import { readFailure } from './failure.ts';
import { RequestBody, Unread } from './request-body.ts';
import type { Patience } from './request-body.ts';
import { Refusal } from './request-head.ts';
import type { RequestHead } from './request-head.ts';
import { responseHeaders } from './response-head.ts';
import { sendHead } from './send-head.ts';
import type { Destination } from './table.ts';
import type { Connection, Upstream } from './upstream.ts';

/** Repeating these has the effect of sending them once (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
/** One that was refused by every replica has tried each once; this bounds the odd ones. */
const MAX_ATTEMPTS = 16;
/**
 * A short body that came in one piece is joined to its head as text: one write of a string instead of
 * one of several buffers (53 instead of 56 microseconds of processor time for a whole request).
 */
const MAX_TEXT_BYTES = 16 * 1024;
const NONE: readonly Upstream[] = [];

/** A request on its way: sent to a replica, to another if that is safe, its answer passed on as it comes. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #head: RequestHead;
  readonly #destination: Destination;
  readonly #mayRepeat: boolean;
  #upstream: Upstream | undefined;
  #connection: Connection | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #refused: readonly Upstream[] = NONE;
  #attempts = 0;
  /** The connection had carried a request before: the application may have closed it when ours was sent. */
  #isReused = false;
  #isAnswered = false;
  #length: number | undefined;
  #isClientGone = false;
  readonly #patience: Patience;
  #odd = false;
  #hasEntered = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    head: RequestHead,
    destination: Destination,
    patience: Patience,
  ) {
    this.#patience = patience;
    this.#request = request;
    this.#response = response;
    this.#head = head;
    this.#destination = destination;
    this.#mayRepeat = !head.hasBody && IDEMPOTENT.has(request.method ?? '');
    response.on('close', this.#onClose);
  }

  /** The first try; one instance's requests leave room for all others'. */
  begin(): void {
    if (!this.#destination.enter()) {
      answer(this.#request, this.#response, crowded(this.#head.host));
      return;
    }
    this.#hasEntered = true;
    this.#send();
  }

  #send(mustBeNew = false): void {
    const upstream = this.#destination.pick(this.#refused);
    if (upstream === undefined || ++this.#attempts > MAX_ATTEMPTS) {
      const { host } = this.#head;
      const say = this.#refused.length === 0 ? noTarget(this.#destination.route, host) : allRefused(host);
      answer(this.#request, this.#response, say);
      return;
    }
    this.#upstream = upstream;
    upstream.inFlight++;
    this.#controller = undefined;
    const connection = upstream.take(this.#mayRepeat, mustBeNew);
    this.#connection = connection;
    connection.client.dispatch(
      {
        method: this.#request.method ?? 'GET',
        path: this.#head.path,
        headers: this.#head.headers,
        body: this.#head.hasBody ? new RequestBody(this.#request, this.#onBodyWanted, this.#patience) : null,
        blocking: false,
      },
      this,
    );
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#connection !== undefined) this.#isReused = this.#connection.carried++ > 0;
    if (this.#isClientGone) controller.abort(new Error('The client left.'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    text?: string,
  ): void {
    if (status < 200 || this.#isClientGone) return;
    this.#isAnswered = true;
    const { headers, hasDate, length, isCoded } = responseHeaders(controller.rawHeaders, status);
    this.#length = length;
    this.#response.sendDate = !hasDate;
    if (!isCoded && sendHead(this.#response, status, text ?? '', headers)) return;
    this.#isAnswered = false;
    this.#odd = true;
    controller.abort(new Error('The answer cannot be passed on.'));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (chunk.length === this.#length && chunk.length <= MAX_TEXT_BYTES) {
      this.#response.end(chunk.toString('latin1'), 'latin1');
      return;
    }
    if (this.#response.write(chunk)) return;
    controller.pause();
    this.#response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    if (!this.#response.writableEnded) this.#response.end();
    this.#leave(false);
  }

  onResponseError(_controller: unknown, error: Error): void {
    const upstream = this.#upstream;
    const wasSent = this.#controller !== undefined;
    this.#leave(true);
    if (this.#isClientGone || upstream === undefined) return;
    if (this.#isAnswered) {
      this.#response.destroy();
      return;
    }
    const failure = readFailure(error);
    if (failure === 'unsendable') {
      answer(this.#request, this.#response, refused(new Refusal(`${error.message}.`)));
    } else if (!wasSent) {
      if (failure === 'unreachable') {
        upstream.avoid();
        this.#refused = [...this.#refused, upstream];
      }
      this.#send(true);
    } else if (!this.#odd && this.#isReused && this.#mayRepeat && failure === 'closed') {
      this.#send(true);
    } else {
      const how = error instanceof Unread ? 'unread' : this.#odd ? 'odd' : readBroken(error);
      // Nobody who sends a body that is not read gets another request through behind it.
      if (how === 'unread') this.#response.shouldKeepAlive = false;
      answer(this.#request, this.#response, broken(this.#head.host, how));
    }
  }

  #leave(isBroken: boolean): void {
    const [upstream, connection] = [this.#upstream, this.#connection];
    this.#upstream = undefined;
    this.#connection = undefined;
    if (upstream === undefined || connection === undefined) return;
    upstream.inFlight--;
    if (isBroken) connection.close();
    else upstream.giveBack(connection);
  }

  readonly #onBodyWanted = () => {
    if (this.#request.headers.expect !== undefined) this.#response.writeContinue();
  };

  readonly #onClose = () => {
    if (this.#hasEntered) this.#destination.leave();
    if (this.#response.writableFinished) return;
    this.#isClientGone = true;
    this.#controller?.abort(new Error('The client left.'));
  };
}

/** Its parser has codes of its own for what is not HTTP. */
function readBroken(error: Error): Broken {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW' ? 'odd' : 'gone';
}
