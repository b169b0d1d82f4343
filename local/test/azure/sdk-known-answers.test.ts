import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { loadVectors } from '@holdfast/base/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openCertificateAuthority } from '../../src/azure/index.ts';
import type { SdkAnswer } from '../../testing/sdk-client.ts';
import { inTurns, runSdkProcess } from './sdk-process.ts';
import type { SdkCredential } from './sdk-process.ts';

interface Response {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
interface Case {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly input: {
    readonly package?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly credential?: string;
    readonly scope?: string;
    readonly response?: Response;
    readonly responseBody?: string;
    readonly responseJson?: unknown;
    readonly server?: string;
    readonly discovery?: { readonly issuer: string };
  };
  readonly expect: {
    readonly requests?: readonly {
      readonly method: string;
      readonly url?: string;
      readonly urlStartsWith?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly absentHeaders?: readonly string[];
      readonly form?: Readonly<Record<string, string>>;
    }[];
    readonly throws?: {
      readonly name: string;
      readonly message?: string;
      readonly messageContains?: readonly string[];
    };
    readonly requestCount?: number;
    readonly postCount?: number;
    readonly ok?: boolean;
    readonly podHostContacted?: boolean;
  };
}
interface Seen {
  readonly secure: boolean;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly form: Readonly<Record<string, string>>;
}
interface Outcome {
  readonly requests: readonly Seen[];
  readonly answer: SdkAnswer;
}

const TENANT = '72F988BF-0000-0000-0000-000000000001';
const vectors = loadVectors('identity.json') as { readonly cases: readonly Case[] } | undefined;
const cases = (vectors?.cases ?? [])
  .filter(({ group }) => ['imds-client', 'entra-client'].includes(group))
  .map((one) => (one.input.package === undefined ? one : { ...one, expect: withNewerPackage(one.expect) }));
/** Those that wait for their own retries begin first. */
const SLOW = ['IC-12', 'IC-13', 'EC-05'];

describe.skipIf(vectors === undefined)('known answers of the Azure identity SDK', { timeout: 120_000 }, () => {
  const outcomes = new Map<string, Outcome>();
  let folder: string;
  let tls: { readonly key: string; readonly cert: string };
  let caFile: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-sdk-'));
    const authority = await openCertificateAuthority(join(folder, 'ca'));
    const server = await authority.issueServerCertificate({ hosts: ['127.0.0.1', 'localhost'] });
    tls = { key: server.keyPem, cert: server.certificatePem };
    caFile = authority.caFile;
    await writeFile(join(folder, 'token'), 'aaa.bbb.ccc\n');
    const sorted = cases.toSorted((a, b) => Number(SLOW.includes(b.id)) - Number(SLOW.includes(a.id)));
    await inTurns(
      sorted.map((one) => async () => void outcomes.set(one.id, await run(one))),
      4,
    );
  }, 120_000);
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  async function run({ input, group }: Case): Promise<Outcome> {
    const requests: Seen[] = [];
    const plain = await listening(createServer(recorded(requests, false, identityEndpoint(input))));
    const ports = { tls: 0 };
    const entra = entraEndpoint(input, () => `https://localhost:${ports.tls}`);
    const secure = await listening(createTlsServer(tls, recorded(requests, true, entra)));
    ports.tls = portOf(secure);
    const fill = (value: string): string =>
      value
        .replace('PORT', String(portOf(plain)))
        .replace('TLS', String(ports.tls))
        .replace('<file>', join(folder, 'token'));
    const given = input.env ?? (group === 'entra-client' ? { AZURE_AUTHORITY_HOST: 'https://localhost:TLS' } : {});
    const env = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, fill(value)]));
    const request = {
      operation: 'token',
      credential: credentialOf(input.credential, group),
      scope: input.scope ?? 'https://vault.azure.net/.default',
      times: input.responseJson === undefined ? 1 : 2,
    };
    try {
      return { requests, answer: await runSdkProcess(request, { NODE_EXTRA_CA_CERTS: caFile, ...env }) };
    } finally {
      plain.close();
      secure.close();
    }
  }

  it.each(cases.map((one) => [`${one.id} ${one.title}`, one] as const))('%s', (_, { id, group, expect: expected }) => {
    const { requests, answer } = outcomes.get(id) ?? { requests: [], answer: {} };
    const ofGroup = group === 'entra-client' || expected.podHostContacted === false;
    if (expected.requests !== undefined) {
      expect(requests).toHaveLength(expected.requests.length);
      for (const [index, wanted] of expected.requests.entries()) {
        const seen = requests[index];
        expect(seen?.secure).toBe(ofGroup);
        expect(seen?.method).toBe(wanted.method);
        if (wanted.url !== undefined) expect(seen?.url).toBe(wanted.url);
        if (wanted.urlStartsWith !== undefined) expect(seen?.url.startsWith(wanted.urlStartsWith)).toBe(true);
        if (wanted.headers !== undefined) expect(seen?.headers).toMatchObject(wanted.headers);
        for (const name of wanted.absentHeaders ?? []) expect(seen?.headers).not.toHaveProperty(name);
        if (wanted.form !== undefined) expect(seen?.form).toMatchObject(wanted.form);
      }
    }
    if (expected.requestCount !== undefined) expect(requests).toHaveLength(expected.requestCount);
    if (expected.postCount !== undefined) {
      expect(requests.filter(({ method }) => method === 'POST')).toHaveLength(expected.postCount);
    }
    if (expected.throws === undefined) {
      if (expected.ok === true) expect(answer.ok).toBeDefined();
      return;
    }
    const { name, message, messageContains = [] } = expected.throws;
    expect(answer.error?.name).toBe(name);
    if (message !== undefined) expect(answer.error?.message).toContain(message);
    for (const part of messageContains) expect(answer.error?.message).toContain(part);
  });
});

/** The case that names an older package: the installed one says what the body was instead of hiding it. */
function withNewerPackage(expected: Case['expect']): Case['expect'] {
  const messageContains = ['client_error', 'failed to get service principal token, error: x'];
  return { ...expected, throws: { name: expected.throws?.name ?? '', messageContains } };
}

function credentialOf(given: string | undefined, group: string): SdkCredential {
  const usual =
    group === 'imds-client' ? 'ManagedIdentityCredential()' : `ClientSecretCredential('${TENANT}','cid','sec~ret')`;
  const expression = given ?? usual;
  const option = (name: string): string | undefined => new RegExp(`${name}:'([^']*)'`).exec(expression)?.[1];
  if (expression.startsWith('WorkloadIdentityCredential')) return { kind: 'workload-identity' };
  if (expression.startsWith('ManagedIdentityCredential')) {
    const [clientId, resourceId] = [option('clientId'), option('resourceId')];
    return {
      kind: 'managed-identity',
      ...(clientId === undefined ? {} : { clientId }),
      ...(resourceId === undefined ? {} : { resourceId }),
    };
  }
  const [, tenantId = TENANT, clientId = 'cid', secret = 'sec~ret'] =
    /\('([^']*)'(?:,'([^']*)','([^']*)')?/.exec(expression) ?? [];
  return { kind: 'client-secret', tenantId, clientId, secret };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

function recorded(requests: Seen[], secure: boolean, answer: Answer): RequestListener {
  return (request, response) => {
    void text(request).then((body) => {
      const { method = '', url = '', headers } = request;
      requests.push({ secure, method, url, headers, form: Object.fromEntries(new URLSearchParams(body)) });
      answer(request, response);
    });
  };
}

/** The endpoint of managed identities as a case wants it. */
function identityEndpoint({ response, responseBody, responseJson, server }: Case['input']): Answer {
  const token = { access_token: 'T', expires_on: String(Math.floor(Date.now() / 1000) + 3600) };
  const given = response ?? {
    status: 200,
    json: responseBody === undefined ? (responseJson ?? token) : [token, token],
  };
  return ({ url = '' }, answer) => {
    if (server !== undefined && url.startsWith('//')) {
      answer.writeHead(301, { location: url.slice(1) }).end();
      return;
    }
    send(answer, given);
  };
}

/** Entra ID as a case wants it. */
function entraEndpoint({ response, discovery }: Case['input'], origin: () => string): Answer {
  return ({ method, url = '' }, answer) => {
    const tenant = url.split('/')[1] ?? '';
    const base = `${origin()}/${tenant}`;
    if (method === 'POST') {
      send(answer, response ?? { status: 200, json: { token_type: 'Bearer', expires_in: 3600, access_token: 'T' } });
      return;
    }
    const json = {
      issuer: discovery?.issuer ?? `${base}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
    };
    send(answer, { status: 200, json });
  };
}

function send(answer: ServerResponse, { status, json, text: plain = '', headers }: Response): void {
  const type = json === undefined ? 'text/plain' : 'application/json';
  answer.writeHead(status, { 'content-type': type, ...headers });
  answer.end(json === undefined ? plain : JSON.stringify(json));
}

async function listening<S extends Server>(server: S): Promise<S> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
