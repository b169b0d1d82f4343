import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { createTokenExchange } from '../../src/workload-proxy/exchange.ts';
import { readWorkloadProxyConfig } from '../../src/workload-proxy/config.ts';
import { createWorkloadProxy } from '../../src/workload-proxy/server.ts';
import type { OutboundRequest } from '../../src/tokens/outbound.ts';
import { textOf } from '../nmi/fake-node.ts';

interface VectorCase {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly input: { readonly path?: string; readonly env?: Readonly<Record<string, string>> };
  readonly expect: { readonly status?: number; readonly body?: string; readonly startupError?: string };
}

const vectors = loadVectors('identity.json') as { readonly cases: readonly VectorCase[] } | undefined;
const cases = vectors?.cases.filter(({ group, input }) => group === 'migration' && input.env !== undefined) ?? [];

const NOW = 1_700_000_000;

/** A proxy, and what it asked. */
function proxy(
  options: { readonly clientId?: string; readonly headerRequired?: boolean; readonly clock?: () => number } = {},
) {
  const asked: OutboundRequest[] = [];
  const clock = options.clock ?? (() => NOW * 1000);
  let count = 0;
  const send = async (call: OutboundRequest) => {
    asked.push(call);
    await Promise.resolve();
    count += 1;
    const body = { token_type: 'Bearer', expires_in: 3600, access_token: `token-${count}` };
    return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(body)) };
  };
  const exchange = createTokenExchange({
    authorityHost: 'https://login.example/',
    tenantId: 't1',
    tokenFile: '/token',
    send,
    clock,
    readToken: () => Promise.resolve('service-account-token\n'),
  });
  const server = createWorkloadProxy({
    clientId: options.clientId ?? '',
    metadataHeaderRequired: options.headerRequired ?? false,
    exchange,
    metadataOrigin: 'http://169.254.169.254:80',
    send,
    clock,
  });
  const ask = (target: string, rawHeaders: readonly string[] = []) =>
    server({ method: 'GET', target, rawHeaders, remote: '', body: undefined, signal: new AbortController().signal });
  return { ask, asked };
}

describe.skipIf(vectors === undefined)('known answers of the migration proxy', () => {
  it.each(cases.filter(({ input }) => input.path !== undefined))('$id $title', async ({ input, expect: wanted }) => {
    const answer = await proxy({ clientId: input.env?.['AZURE_CLIENT_ID'] ?? '' }).ask(input.path ?? '');
    expect([answer.status, textOf(answer)]).toEqual([wanted.status, wanted.body]);
  });

  it.each(cases.filter(({ expect: wanted }) => wanted.startupError !== undefined))(
    '$id $title',
    ({ input, expect: wanted }) => {
      expect(() => readWorkloadProxyConfig({ env: input.env ?? {}, configFile: undefined })).toThrow(
        wanted.startupError,
      );
    },
  );
});

describe('the migration proxy', () => {
  const target = '/metadata/identity/oauth2/token?resource=https%3A%2F%2Fvault.azure.net%2F';

  it('exchanges the service account token, a slash at the end of the resource kept', async () => {
    const { ask, asked } = proxy({ clientId: 'c1' });
    const answer = await ask(target);
    expect(JSON.parse(textOf(answer))).toEqual({
      access_token: 'token-1',
      refresh_token: '',
      expires_in: 3590,
      expires_on: String(NOW + 3600),
      not_before: 0,
      resource: 'https://vault.azure.net/',
      token_type: 'Bearer',
    });
    expect(asked[0]).toMatchObject({ origin: 'https://login.example', path: '/t1/oauth2/v2.0/token' });
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body as string))).toMatchObject({
      client_id: 'c1',
      scope: 'https://vault.azure.net//.default',
      client_assertion: 'service-account-token',
    });
  });

  it('asks once for requests at the same time, and again when the token is old', async () => {
    let now = NOW * 1000;
    const { ask, asked } = proxy({ clientId: 'c1', clock: () => now });
    await Promise.all([ask(target), ask(target), ask(target)]);
    await ask(target);
    expect(asked).toHaveLength(1);
    await ask(`${target}&client_id=c2`);
    expect(asked).toHaveLength(2);
    now += 3_400_000;
    await Promise.all([ask(target), ask(target)]);
    expect(asked).toHaveLength(3);
  });

  it('asks for the metadata header unless told otherwise', async () => {
    const { ask } = proxy({ clientId: 'c1', headerRequired: true });
    expect((await ask(target)).status).toBe(400);
    expect((await ask(target, ['metadata', 'TRUE'])).status).toBe(200);
  });

  it('relays everything else', async () => {
    const { ask, asked } = proxy();
    await ask('/metadata/Identity/oauth2/token?x=1');
    expect(asked[0]).toMatchObject({
      origin: 'http://169.254.169.254:80',
      path: '/metadata/Identity/oauth2/token?x=1',
    });
    expect(textOf(await ask('/readyz/'))).toBe('ok');
  });
});
