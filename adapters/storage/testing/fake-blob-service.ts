import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Blobs listed in one answer, few so that every test of a list needs several. */
const PAGE = 2;

interface Lease {
  readonly id: string;
}

interface Blob {
  readonly bytes: Buffer;
  readonly modified: string;
  readonly etag: string;
}

export interface FakeBlobService {
  readonly accountUrl: string;
  readonly requests: readonly string[];
  /** Answers every call with this status from now on, as a service in trouble does. */
  failWith: { readonly status: number; readonly code: string } | undefined;
  /** Takes calls and never answers them. */
  silent: boolean;
  /** Ends every lease, as a minute without renewal or an administrator does. */
  breakLeases(): void;
  close(): Promise<void>;
}

/**
 * The part of the Blob service REST API (version 2021 and later) that an object store uses, in memory, for one container.
 * It looks whether a request is signed, not whether the signature is right; the emulator does that.
 */
export async function startFakeBlobService(): Promise<FakeBlobService> {
  const blobs = new Map<string, Blob>();
  const leases = new Map<string, Lease>();
  const requests: string[] = [];
  let writes = 0;
  const server = createServer((request, response) => {
    void answer(request, response);
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://fake');
    const part =
      url.searchParams.get('comp') === 'lease' ? `?lease=${String(request.headers['x-ms-lease-action'])}` : '';
    requests.push(`${request.method} ${url.pathname}${part}`);
    const body = Buffer.concat(await request.toArray());
    if (fake.silent) return;
    if (fake.failWith !== undefined) return refuse(response, fake.failWith.status, fake.failWith.code);
    const signed = request.headers.authorization?.startsWith('SharedKey account:') ?? false;
    if (!signed && !isLinkFor(url, blobs)) return refuse(response, 403, 'AuthenticationFailed');
    const name = url.pathname.split('/').slice(3).map(decodeURIComponent).join('/');
    if (url.searchParams.get('comp') === 'list') return list(url.searchParams, response);
    if (url.searchParams.get('comp') === 'lease') return lease(name, request, response);
    const held = leases.get(name);
    if (held !== undefined && (request.method === 'PUT' || request.method === 'DELETE')) {
      const shown = request.headers['x-ms-lease-id'];
      if (shown === undefined) return refuse(response, 412, 'LeaseIdMissing');
      if (shown !== held.id) return refuse(response, 412, 'LeaseIdMismatchWithBlobOperation');
    }
    if (request.method === 'PUT') {
      if (request.headers['if-none-match'] === '*' && blobs.has(name)) {
        return refuse(response, 409, 'BlobAlreadyExists');
      }
      writes += 1;
      const blob = { bytes: body, modified: new Date().toUTCString(), etag: `"0x${writes}"` };
      blobs.set(name, blob);
      response.writeHead(201, { ETag: blob.etag, 'Last-Modified': blob.modified }).end();
      return;
    }
    const blob = blobs.get(name);
    if (blob === undefined) return refuse(response, 404, 'BlobNotFound', request.method === 'HEAD');
    if (request.method === 'DELETE') {
      blobs.delete(name);
      response.writeHead(202).end();
      return;
    }
    response.writeHead(200, {
      ETag: blob.etag,
      'Last-Modified': blob.modified,
      'Content-Length': blob.bytes.length,
      'Content-Type': 'application/octet-stream',
      'x-ms-blob-type': 'BlockBlob',
    });
    response.end(request.method === 'HEAD' ? undefined : blob.bytes);
  }

  /** PUT ?comp=lease: acquire, renew, release, break. */
  function lease(name: string, request: IncomingMessage, response: ServerResponse): void {
    const text = (header: string): string => String(request.headers[header] ?? '');
    if (!blobs.has(name)) return refuse(response, 404, 'BlobNotFound');
    const held = leases.get(name);
    const action = text('x-ms-lease-action');
    if (action === 'acquire') {
      const id = text('x-ms-proposed-lease-id');
      if (held !== undefined && held.id !== id) return refuse(response, 409, 'LeaseAlreadyPresent');
      leases.set(name, { id });
      response.writeHead(201, { 'x-ms-lease-id': id }).end();
      return;
    }
    if (action === 'break') {
      if (held === undefined) return refuse(response, 409, 'LeaseNotPresentWithLeaseOperation');
      leases.delete(name);
      response.writeHead(202, { 'x-ms-lease-time': '0' }).end();
      return;
    }
    if (held?.id !== text('x-ms-lease-id')) return refuse(response, 409, 'LeaseIdMismatchWithLeaseOperation');
    if (action === 'release') leases.delete(name);
    response.writeHead(200, { 'x-ms-lease-id': held.id }).end();
  }

  function list(query: URLSearchParams, response: ServerResponse): void {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('marker') ?? '';
    const names = [...blobs.keys()].filter((name) => name.startsWith(prefix) && name > after).toSorted();
    const page = names.slice(0, PAGE);
    const entries = page.map((name) => {
      const { bytes, modified, etag } = blobs.get(name) as Blob;
      return (
        `<Blob><Name>${escapeXml(name)}</Name><Properties><Last-Modified>${modified}</Last-Modified><Etag>${escapeXml(etag)}</Etag>` +
        `<Content-Length>${bytes.length}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>`
      );
    });
    const next = names.length > PAGE ? escapeXml(page.at(-1) ?? '') : '';
    response.writeHead(200, { 'Content-Type': 'application/xml' });
    response.end(
      '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://fake/" ContainerName="bucket">' +
        `<Prefix>${escapeXml(prefix)}</Prefix><Blobs>${entries.join('')}</Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`,
    );
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const fake: FakeBlobService = {
    accountUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/account`,
    requests,
    failWith: undefined,
    silent: false,
    breakLeases: () => leases.clear(),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}

/** A shared access signature, taken as right when there is such a blob. */
function isLinkFor(url: URL, blobs: ReadonlyMap<string, Blob>): boolean {
  const { searchParams } = url;
  const name = url.pathname.split('/').slice(3).map(decodeURIComponent).join('/');
  return searchParams.has('sig') && searchParams.get('sp') === 'r' && blobs.has(name);
}

function refuse(response: ServerResponse, status: number, code: string, headOnly = false): void {
  response.writeHead(status, { 'x-ms-error-code': code, 'Content-Type': 'application/xml' });
  response.end(
    headOnly
      ? undefined
      : `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${code}\nRequestId:1\nTime:now</Message></Error>`,
  );
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
