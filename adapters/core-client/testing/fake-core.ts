import { Buffer } from 'node:buffer';
import { constants, createPublicKey, publicEncrypt } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

type Responder = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;

/**
 * A small real HTTP server in the place of Core, Opt-Out, their storage or the attestation sidecar. `POST /attest` answers
 * with a correctly encrypted token unless `attest` says otherwise; other paths answer what `routes` hold.
 */
export class FakeCore {
  readonly routes = new Map<string, Responder>();
  readonly requests: FakeRequest[] = [];
  /** Answers `POST /attest`; undefined means success. */
  attest: Responder | undefined;
  token = 'attestation-token';
  expiresAtMs = Date.UTC(2026, 0, 1, 2);
  /** Members of the success body beside token and expiry. */
  extras: Record<string, unknown> = {};
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async start(port = 0): Promise<FakeCore> {
    const fake = new FakeCore();
    await new Promise<void>((resolve, reject) => {
      fake.#server.once('error', reject);
      fake.#server.listen(port, '127.0.0.1', resolve);
    });
    fake.#port = (fake.#server.address() as AddressInfo).port;
    return fake;
  }

  /** Known also after `stop`, so that another server can take its place. */
  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** How many requests a path got, whatever its query. */
  count(path: string): number {
    return this.requests.filter((request) => request.path.split('?', 1)[0] === path).length;
  }

  /** Answers a path with this JSON text or value from now on. */
  json(path: string, value: unknown): void {
    this.routes.set(path, () => ({ body: typeof value === 'string' ? value : JSON.stringify(value) }));
  }

  bytes(path: string, body: Uint8Array | string): void {
    this.routes.set(path, () => ({ body }));
  }

  status(path: string, status: number, body = 'failed'): void {
    this.routes.set(path, () => ({ status, body }));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of incoming as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const request: FakeRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    };
    this.requests.push(request);
    const answer = await this.#answer(request);
    const body = Buffer.from(answer.body ?? '');
    const isChunked = answer.headers?.['Transfer-Encoding'] !== undefined;
    const length = isChunked ? {} : { 'Content-Length': body.length };
    response.writeHead(answer.status ?? 200, { ...length, ...answer.headers });
    response.end(body);
  }

  async #answer(request: FakeRequest): Promise<FakeAnswer> {
    if (request.path === '/attest') return (await this.attest?.(request)) ?? this.attestSuccess(request);
    const route = this.routes.get(request.path) ?? this.routes.get(request.path.split('?', 1)[0] ?? '');
    return route === undefined ? { status: 404, body: 'no such path' } : route(request);
  }

  /** What Core answers to an attestation it accepts. */
  attestSuccess(request: FakeRequest): FakeAnswer {
    const { public_key: publicKey } = JSON.parse(request.body) as { public_key: string };
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
    const encrypted = publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(this.token));
    const body = {
      attestation_token: encrypted.toString('base64'),
      expiresAt: new Date(this.expiresAtMs).toISOString(),
      ...this.extras,
    };
    return { body: JSON.stringify({ status: 'success', body }) };
  }
}
