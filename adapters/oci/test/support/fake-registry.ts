import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request that the fake saw. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers a request before the registry does; true when it did. */
export type Intercept = (request: IncomingMessage, response: ServerResponse, body: Buffer) => boolean;

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A registry of the OCI distribution protocol in memory, on a free loopback port. Manifests and blobs are set by the test. */
export class FakeRegistry {
  readonly seen: SeenRequest[] = [];
  readonly blobs = new Map<string, Uint8Array>();
  /** By `<repository>:<tag>` and by digest. */
  readonly manifests = new Map<string, { bytes: Uint8Array; mediaType: string }>();
  /** Answers first; several are asked in order. */
  readonly intercepts: Intercept[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response));
  }

  static async start(): Promise<FakeRegistry> {
    const server = createServer();
    const registry = new FakeRegistry(server);
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  /** `127.0.0.1:<port>`, as a reference's host. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get origin(): string {
    return `http://${this.host}`;
  }

  addBlob(bytes: Uint8Array): string {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return digest;
  }

  addManifest(name: string, document: unknown, mediaType: string): string {
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = digestOf(bytes);
    this.manifests.set(digest, { bytes, mediaType });
    this.manifests.set(name, { bytes, mediaType });
    return digest;
  }

  requests(pattern: RegExp): SeenRequest[] {
    return this.seen.filter(({ method, path }) => pattern.test(`${method} ${path}`));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const path = request.url ?? '';
    this.seen.push({ method: request.method ?? '', path, headers: request.headers, body: body.toString('latin1') });
    if (this.intercepts.some((intercept) => intercept(request, response, body))) return;
    const [, repository, kind, name] = /^\/v2\/(.+)\/(manifests|blobs)\/([^?]+)/.exec(path) ?? [];
    if (kind === 'manifests' && name !== undefined)
      this.#manifest(request, response, `${repository}:${name}`, name, body);
    else if (kind === 'blobs' && name === 'uploads/') response.writeHead(202, { location: `${path}1?state=x` }).end();
    else if (kind === 'blobs' && name !== undefined) this.#blob(request, response, name, body);
    else response.writeHead(404).end();
  }

  #manifest(request: IncomingMessage, response: ServerResponse, tagged: string, name: string, body: Buffer): void {
    if (request.method === 'PUT') {
      const manifest = { bytes: body, mediaType: request.headers['content-type'] ?? '' };
      this.manifests.set(tagged, manifest);
      this.manifests.set(digestOf(body), manifest);
      response.writeHead(201).end();
      return;
    }
    const found = this.manifests.get(tagged) ?? this.manifests.get(name);
    if (found === undefined) {
      response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      return;
    }
    response.writeHead(200, { 'content-type': found.mediaType }).end(found.bytes);
  }

  #blob(request: IncomingMessage, response: ServerResponse, name: string, body: Buffer): void {
    if (request.method === 'PUT') {
      const digest = new URL(request.url ?? '', 'http://fake').searchParams.get('digest') ?? '';
      const matches = digest === digestOf(body);
      if (matches) this.blobs.set(digest, body);
      response.writeHead(matches ? 201 : 400).end();
      return;
    }
    const bytes = this.blobs.get(name);
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    const offset = Number(/^bytes=(\d+)-$/.exec(request.headers['range'] ?? '')?.[1] ?? 0);
    const range = offset === 0 ? {} : { 'content-range': `bytes ${offset}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(offset === 0 ? 200 : 206, { 'content-length': bytes.length - offset, ...range });
    response.end(request.method === 'HEAD' ? undefined : bytes.subarray(offset));
  }
}
