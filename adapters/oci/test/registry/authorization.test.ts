import { afterEach, beforeEach, describe, test } from 'vitest';

import { Secret } from '@holdfast/base';
import { parseImageReference } from '@holdfast/policy';

import { LINUX_AMD64 } from '../../src/image-source.ts';
import type { ImageSource, SourceImage } from '../../src/image-source.ts';
import type { RegistryCredential } from '../../src/registry/credentials.ts';
import { registrySource } from '../../src/registry/registry-source.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import { collect, file, publishImage, tarOf, virtualTime } from '../support/images.ts';

let registry: FakeRegistry;
let tokens: FakeRegistry;
let time: ReturnType<typeof virtualTime>;
const sources: ImageSource[] = [];

beforeEach(async () => {
  registry = await FakeRegistry.start();
  tokens = await FakeRegistry.start();
  time = virtualTime();
  publishImage(registry, 'team/app:1', [{ tar: await tarOf([file('a', 'b')]) }]);
});

afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  await registry.stop();
  await tokens.stop();
});

function newSource(credential?: RegistryCredential): ImageSource {
  const credentials = () => Promise.resolve(credential);
  const source = registrySource({ plainHttp: { loopback: true }, retry: time.retry, credentials });
  sources.push(source);
  return source;
}

function open(source: ImageSource): Promise<SourceImage> {
  return source.open(parseImageReference(`${registry.host}/team/app:1`), LINUX_AMD64);
}

/** The registry wants a token `valid`; the token server gives what `issue` answers. */
function demandToken(issue: (path: string, form: URLSearchParams) => object | undefined): void {
  registry.intercepts.push((request, response) => {
    if (request.headers.authorization?.startsWith('Bearer token-') === true) return false;
    const challenge = `Bearer realm="${tokens.origin}/token?a=b",service="fake, registry",scope="repository:team/app:pull"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
    return true;
  });
  tokens.intercepts.push((request, response, body) => {
    const answer = issue(request.url ?? '', new URLSearchParams(body.toString()));
    response.writeHead(answer === undefined ? 401 : 200).end(JSON.stringify(answer ?? {}));
    return true;
  });
}

const basic: RegistryCredential = { kind: 'basic', username: 'user', password: new Secret('pa:ss') };

describe('a registry with Bearer tokens', () => {
  test('gives an anonymous token for the repository, used until it expires', async ({ expect }) => {
    demandToken(() => ({ token: 'token-1', expires_in: 300 }));
    const source = newSource();
    const image = await open(source);
    for (const layer of image.layers) await collect(image.openLayer(layer));
    await open(source);
    expect(tokens.seen.length).toBe(1);
    const asked = new URL(tokens.seen[0]?.path ?? '', tokens.origin).searchParams;
    expect([asked.get('a'), asked.get('service'), asked.getAll('scope')]).toEqual([
      'b',
      'fake, registry',
      ['repository:team/app:pull'],
    ]);
    expect(tokens.seen[0]?.headers.authorization).toBe(undefined);
    time.advance(295_000);
    await open(source);
    expect(tokens.seen.length).toBe(2);
  });

  test('gets a new token when the registry stops accepting the old one', async ({ expect }) => {
    let issued = 0;
    demandToken(() => ({ access_token: `token-${(issued += 1)}` }));
    registry.intercepts.push((request, response) => {
      if (request.headers.authorization !== 'Bearer token-1' || !request.url?.includes('/blobs/')) return false;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.origin}/token"` }).end();
      return true;
    });
    await open(newSource());
    expect(issued).toBe(2);
  });

  test('sends user name and password to the token server only', async ({ expect }) => {
    demandToken(() => ({ token: 'token-1' }));
    await open(newSource(basic));
    expect(tokens.seen[0]?.headers.authorization).toBe(`Basic ${Buffer.from('user:pa:ss').toString('base64')}`);
    expect(registry.seen.every(({ headers }) => headers.authorization?.startsWith('Basic') !== true)).toBe(true);
  });

  test('exchanges an identity token', async ({ expect }) => {
    demandToken((_path, form) => (form.get('refresh_token') === 'refresh' ? { access_token: 'token-1' } : undefined));
    await open(newSource({ kind: 'identityToken', token: new Secret('refresh') }));
    expect(Object.fromEntries(new URLSearchParams(tokens.seen[0]?.body))).toEqual({
      grant_type: 'refresh_token',
      service: 'fake, registry',
      client_id: 'holdfast',
      refresh_token: 'refresh',
      scope: 'repository:team/app:pull',
    });
  });

  test('exchanges an Entra token at an Azure registry', async ({ expect }) => {
    demandToken((_path, form) =>
      form.get('refresh_token') === 'acr-refresh' ? { access_token: 'token-1' } : undefined,
    );
    registry.intercepts.unshift((request, response, body) => {
      if (request.url !== '/oauth2/exchange') return false;
      const form = new URLSearchParams(body.toString());
      const fits = form.get('access_token') === 'entra' && form.get('tenant') === 'tenant-1';
      response.writeHead(fits ? 200 : 401).end('{"refresh_token":"acr-refresh"}');
      return true;
    });
    await open(newSource({ kind: 'entraToken', token: new Secret('entra'), tenant: 'tenant-1' }));
    expect(registry.requests(/oauth2/).length).toBe(1);
  });

  test('says whether the stored credentials or their absence is the reason for a refusal', async ({ expect }) => {
    demandToken(() => undefined);
    await expect(open(newSource())).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      message: expect.stringContaining('no anonymous access'),
      action: expect.stringContaining('docker login'),
    });
    await expect(open(newSource(basic))).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      message: expect.stringContaining('did not accept the stored credentials'),
    });
  });

  test('does not send credentials to a token server without TLS', async ({ expect }) => {
    registry.intercepts.push((_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://tokens.example/"' }).end();
      return true;
    });
    await expect(open(newSource(basic))).rejects.toMatchObject({ code: 'REGISTRY_REDIRECT_REFUSED' });
  });

  test('refuses tokens that could not be a header', async ({ expect }) => {
    demandToken(() => ({ token: 'token-1\r\nx: y' }));
    await expect(open(newSource())).rejects.toMatchObject({ code: 'REGISTRY_ANSWER_INVALID' });
  });

  test('waits when the token server cannot answer now', async ({ expect }) => {
    let calls = 0;
    demandToken(() => ({ token: 'token-1' }));
    tokens.intercepts.unshift((_request, response) => {
      calls += 1;
      if (calls > 1) return false;
      response.writeHead(503, { 'retry-after': '3' }).end();
      return true;
    });
    await open(newSource());
    expect(time.sleeps).toEqual([3000]);
  });
});

describe('a registry with Basic authentication', () => {
  function demandBasic(): void {
    registry.intercepts.push((request, response) => {
      if (request.headers.authorization === `Basic ${Buffer.from('user:pa:ss').toString('base64')}`) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    });
  }

  test('gets the credentials once it asks, and not before', async ({ expect }) => {
    demandBasic();
    await open(newSource(basic));
    expect(registry.seen.map(({ headers }) => headers.authorization !== undefined)).toEqual([false, true, true]);
  });

  test('refuses wrong credentials after one try', async ({ expect }) => {
    demandBasic();
    const wrong = open(newSource({ kind: 'basic', username: 'user', password: new Secret('wrong') }));
    await expect(wrong).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    expect(registry.seen.length).toBe(2);
  });

  test('answers 403 with what to do', async ({ expect }) => {
    registry.intercepts.push((_request, response) => {
      response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"not\\u001b[31m yours"}]}');
      return true;
    });
    await expect(open(newSource(basic))).rejects.toMatchObject({
      code: 'REGISTRY_FORBIDDEN',
      message: expect.stringContaining('DENIED: not?[31m yours'),
      action: expect.stringContaining('owner'),
    });
  });
});
