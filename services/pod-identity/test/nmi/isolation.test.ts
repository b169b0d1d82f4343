import { posix } from 'node:path';

import { runsOf } from '@holdfast/base/testing/thorough';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readAzureAssignedIdentity } from '@holdfast/admission';

import { nmiRoute } from '../../src/nmi/routing.ts';
import { binding, exception, FakeNode, identity, NODE, pod, textOf } from './fake-node.ts';

const TOKEN = '/metadata/identity/oauth2/token?resource=https%3A%2F%2Fvault.azure.net';
const label = (value: string) => ({ labels: { aadpodidbinding: value } });

/** Two pods with an identity each. */
function twoPods(options: ConstructorParameters<typeof FakeNode>[0] = {}): FakeNode {
  const node = new FakeNode(options);
  node.pods = [
    pod({ name: 'a', address: '10.0.0.5', ...label('a') }),
    pod({ name: 'b', address: '10.0.0.6', ...label('b') }),
  ];
  node.allBindings = [binding('identity-a', 'a'), binding('identity-b', 'b')];
  node.allIdentities = [identity('identity-a', 'client-a'), identity('identity-b', 'client-b')];
  return node;
}

const tokenIn = (text: string): string | undefined => /token-of-([\w-]+)/.exec(text)?.[1];

describe('two pods of one node', () => {
  it('never get each other’s token, whatever changes between two steps of a request', async () => {
    const change = fc.constantFrom('swap', 'replace-a', 'remove-a', 'relabel-a', 'end-a', 'nothing', 'second-owner');
    const asked = fc.record({
      who: fc.constantFrom('a', 'b'),
      client: fc.constantFrom('', 'client-a', 'client-b'),
      change,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { minLength: 1, maxLength: 8 }), async (requests) => {
        const node = twoPods();
        for (const { who, client, change: what } of requests) {
          node.onMetadata = () => {
            const [a = pod({ name: 'a' }), b = pod({ name: 'b' })] = node.pods;
            if (what === 'swap')
              node.pods = [
                { ...a, address: b.address },
                { ...b, address: a.address },
              ];
            if (what === 'replace-a') node.pods = [{ ...a, uid: `${a.uid}'` }, b];
            if (what === 'remove-a') node.pods = [{ ...a, address: '' }, b];
            if (what === 'relabel-a') node.pods = [{ ...a, ...label('b') }, b];
            if (what === 'end-a') node.pods = [{ ...a, gone: true }, b];
            if (what === 'second-owner') node.pods = [a, { ...b, address: a.address }];
          };
          const caller = node.pods.find(({ name }) => name === who);
          const remote = `${caller?.address ?? ''}:1`;
          const answer = await node.ask(`${TOKEN}&client_id=${client}`, { remote });
          const got = answer.status === 200 ? tokenIn(textOf(answer)) : undefined;
          // Whoever has the address when the answer leaves, alone and unchanged, and by its label as it is then.
          const now = node.pods.filter((each) => each.address === remote.split(':')[0] && !each.gone);
          if (got !== undefined) {
            expect(now).toHaveLength(1);
            expect(got).toBe(`client-${now[0]?.labels['aadpodidbinding'] ?? ''}`);
          }
        }
      }),
      { numRuns: runsOf(75, 300) },
    );
  });

  it('are not served while both are written with one address', async () => {
    const node = twoPods();
    node.pods = node.pods.map((each) => ({ ...each, address: '10.0.0.5' }));
    const answer = await node.ask(TOKEN);
    expect(answer.status).toBe(500);
    expect(textOf(answer)).toBe('failed to match pod IP 10.0.0.5 with [default/a default/b]\n');
    expect(node.asked).toEqual([]);
  });

  it('a pod that took over the address of one that has ended is the only owner', async () => {
    const node = twoPods();
    node.pods = [pod({ name: 'a', gone: true, ...label('a') }), pod({ name: 'b', ...label('b') })];
    expect(tokenIn(textOf(await node.ask(TOKEN)))).toBe('client-b');
  });

  it('asking for the other’s client id is refused', async () => {
    const answer = await twoPods().ask(`${TOKEN}&client_id=client-b`);
    expect(answer.status).toBe(404);
    expect(textOf(answer)).toBe('no azure identity found for request clientID clie##### REDACTED #####nt-b\n');
  });

  it('a stranger without binding gets the documented refusal', async () => {
    const node = twoPods();
    node.pods = [pod({ name: 'stranger', ...label('nobody') })];
    const answer = await node.ask(TOKEN);
    expect([answer.status, textOf(answer)]).toEqual([404, 'no azure identity found for request clientID \n']);
  });

  it('bindings of another namespace do not count', async () => {
    const node = twoPods();
    node.pods = [pod({ name: 'a', namespace: 'other', ...label('a') })];
    expect((await node.ask(TOKEN)).status).toBe(404);
  });

  it('a pod of the host network is nobody', async () => {
    const node = twoPods();
    node.pods = [pod({ name: 'a', hostNetwork: true, ...label('a') })];
    expect(textOf(await node.ask(TOKEN))).toBe('pod list is empty\n');
  });
});

describe('standard mode', () => {
  const assigned = (name: string, selector: string, status = 'Assigned') =>
    readAzureAssignedIdentity({
      metadata: { name: `${name}-default-i`, namespace: 'default' },
      spec: {
        pod: name,
        podNamespace: 'default',
        nodename: NODE,
        azureIdentityRef: { metadata: { name: 'i', namespace: 'default' }, spec: { clientID: `client-${selector}` } },
        azureBindingRef: { metadata: { name: 'b', namespace: 'default' }, spec: { selector } },
      },
      status: { status },
    });

  it('waits until the controller has attached the identity', async () => {
    const node = twoPods({ mode: 'standard' });
    node.assigned = [assigned('a', 'a', 'Created')];
    node.onSleep = () => {
      if (node.waitedMs >= 15_000) node.assigned = [assigned('a', 'a')];
    };
    expect(tokenIn(textOf(await node.ask(TOKEN)))).toBe('client-a');
    expect(node.waitedMs).toBe(15_000);
  });

  it('an address that changes hands during the wait gets nothing', async () => {
    const node = twoPods({ mode: 'standard' });
    node.onSleep = () => {
      const [a = pod({ name: 'a' }), b = pod({ name: 'b' })] = node.pods;
      node.pods = [
        { ...a, address: '' },
        { ...b, address: '10.0.0.5' },
      ];
      node.assigned = [assigned('a', 'a')];
    };
    expect((await node.ask(TOKEN)).status).toBe(503);
  });

  it('an assignment of a former pod of the same name does not count', async () => {
    const node = twoPods({ mode: 'standard' });
    node.assigned = [assigned('a', 'former')];
    const answer = await node.ask(TOKEN);
    expect(answer.status).toBe(404);
    expect(textOf(answer)).toContain('in CREATED state failed after 16 attempts');
    expect(node.waitedMs).toBe(80_000);
  });

  it('stops when the caller goes away', async () => {
    const node = twoPods({ mode: 'standard' });
    const gone = new AbortController();
    node.onSleep = () => gone.abort();
    const answer = await node.ask(TOKEN, { signal: gone.signal });
    expect(textOf(answer)).toBe('context canceled\n');
    expect(node.waitedMs).toBe(5000);
  });

  it('says why when the API server fails until the end', async () => {
    const node = twoPods({ mode: 'standard' });
    node.assignedIdentities = () => Promise.reject(new Error('the API server is away'));
    const text = textOf(await node.ask(TOKEN));
    expect(text).toContain(
      'in ASSIGNED state failed after 20 attempts, retry duration [5]s, error: the API server is away.',
    );
  });
});

describe('the host endpoint', () => {
  const headers = (name: string) => ['podname', name, 'podns', 'default'];

  it('serves pods of this node only', async () => {
    const node = twoPods();
    node.pods = [pod({ name: 'a', node: 'node-2', ...label('a') })];
    const answer = await node.ask('/host/token/?resource=r', { rawHeaders: headers('a'), remote: '127.0.0.1:1' });
    expect([answer.status, textOf(answer)]).toEqual([
      404,
      'failed to get pod default/a, error: it runs on another node\n',
    ]);
  });

  it('believes forged headers of no pod', async () => {
    const answer = await twoPods().ask('/host/token/?resource=r', { rawHeaders: headers('b'), remote: '10.0.0.5:1' });
    expect([answer.status, textOf(answer)]).toEqual([500, 'request remote address is not from a host\n']);
  });

  it('gives no token for a pod that was replaced meanwhile', async () => {
    const node = twoPods();
    node.onMetadata = () => {
      node.pods = [pod({ name: 'a', uid: 'another', ...label('a') })];
    };
    const answer = await node.ask('/host/token/?resource=r', { rawHeaders: headers('a'), remote: '127.0.0.1:1' });
    expect(answer.status).toBe(503);
  });
});

describe('excepted pods and the controller', () => {
  it('get the node’s own identity', async () => {
    const node = twoPods();
    node.allExceptions = [exception({ other: 'x', aadpodidbinding: 'A' })];
    expect(tokenIn(textOf(await node.ask(TOKEN)))).toBe('node');
    node.allExceptions = [];
    node.pods = [pod({ name: 'mic-1', replicaSet: 'mic-5d4c' })];
    expect(tokenIn(textOf(await node.ask(TOKEN)))).toBe('node');
    node.pods = [pod({ name: 'x', replicaSet: 'micro-5d4c' })];
    expect((await node.ask(TOKEN)).status).toBe(404);
  });
});

describe('token sources', () => {
  it.each([
    ['strict', 503, undefined],
    ['compatible', 200, 'node'],
  ] as const)('an identity without a client id is answered in %s rules with %i', async (rules, status, token) => {
    const node = twoPods({ rules });
    node.allIdentities = [identity('identity-a', '')];
    const answer = await node.ask(TOKEN);
    expect([answer.status, tokenIn(textOf(answer))]).toEqual([status, token]);
  });

  it('retry the metadata service for 52 seconds and hand its last answer on', async () => {
    const node = twoPods();
    node.answerMetadata = () => ({ status: 500, headers: {}, body: Buffer.from('busy') });
    const answer = await node.ask(TOKEN);
    expect([answer.status, textOf(answer)]).toEqual([
      403,
      "adal: Refresh request failed. Status Code = '500'. Response body: busy Endpoint http://169.254.169.254:80/metadata/identity/oauth2/token\n",
    ]);
    expect([node.asked.length, node.waitedMs]).toEqual([5, 52_000]);
  });

  it('answer 400 of the metadata service at once', async () => {
    const node = twoPods();
    node.answerMetadata = () => ({ status: 400, headers: {}, body: Buffer.from('{"error":"x"}') });
    expect((await node.ask(TOKEN)).status).toBe(403);
    expect(node.asked).toHaveLength(1);
  });

  const principal = (spec: Readonly<Record<string, string | number>>) => {
    const found = identity('identity-a', 'client-a', { type: 1, tenantID: 't1', ...spec });
    return { ...found, clientPassword: { namespace: 'default', name: 's' } };
  };
  const answerEntra = () => ({
    status: 200,
    headers: {},
    body: Buffer.from('{"token_type":"Bearer","expires_in":3599,"access_token":"token-of-principal"}'),
  });

  it('exchange the first value of the secret at the tenant of a service principal', async () => {
    const node = twoPods();
    node.allIdentities = [principal({})];
    node.secrets.set('default/s', new Map([['anything', Buffer.from('pa&ss')]]));
    node.answerMetadata = answerEntra;
    const answer = await node.ask(TOKEN);
    expect(JSON.parse(textOf(answer))).toMatchObject({
      access_token: 'token-of-principal',
      expires_on: '1700003599',
      resource: 'https://vault.azure.net',
    });
    expect(node.asked[0]).toMatchObject({ origin: 'https://login.microsoftonline.com', path: '/t1/oauth2/v2.0/token' });
    expect(new URLSearchParams(node.asked[0]?.body as string).get('client_secret')).toBe('pa&ss');
  });

  it('answer with a list for auxiliary tenants, or the primary alone', async () => {
    for (const primaryOnly of [false, true]) {
      const node = twoPods({ primaryOnly });
      node.allIdentities = [{ ...principal({}), auxiliaryTenantIds: ['t2', 't3'] }];
      node.secrets.set('default/s', new Map([['k', Buffer.from('s')]]));
      node.answerMetadata = answerEntra;
      const body = JSON.parse(textOf(await node.ask(TOKEN))) as unknown;
      expect(Array.isArray(body) ? body.length : 'object').toBe(primaryOnly ? 'object' : 3);
    }
  });

  it('send no secret to a host that nobody configured, nor one of another namespace', async () => {
    const node = twoPods();
    node.secrets.set('default/s', new Map([['k', Buffer.from('s')]]));
    node.secrets.set('kube-system/s', new Map([['k', Buffer.from('s')]]));
    node.allIdentities = [{ ...principal({}), adEndpoint: 'https://login.microsoftonline.com.evil.example/' }];
    expect((await node.ask(TOKEN)).status).toBe(503);
    node.allIdentities = [{ ...principal({}), clientPassword: { namespace: 'kube-system', name: 's' } }];
    expect((await node.ask(TOKEN)).status).toBe(503);
    expect(node.asked).toEqual([]);
  });
});

describe('nmiRoute', () => {
  it('lets nothing through to the metadata service that it would read as a request for a token', () => {
    const separator = fc
      .array(fc.constantFrom('/', '\\', '%5c', '%5C', '%2f', '.', '..', '%2e', '/x/../', '/./'), {
        minLength: 1,
        maxLength: 3,
      })
      .map((parts) => parts.join(''));
    const word = (text: string) => fc.constantFrom(text, text.toUpperCase(), text.replace('t', '%74'), 'x');
    const target$ = fc
      .tuple(
        separator,
        word('metadata'),
        separator,
        word('identity'),
        separator,
        fc.constant('oauth2'),
        separator,
        word('token'),
      )
      .map((parts) => `/${parts.join('')}`);
    fc.assert(
      fc.property(target$, (target) => {
        const route = nmiRoute(target, { blockInstanceMetadata: false, rules: 'strict' });
        // What a server reads that decodes once, takes backslashes for slashes, and resolves segments.
        const path = posix.normalize(decodeURIComponent(target).replaceAll('\\', '/'));
        const wouldGiveToken = path.startsWith('/metadata/identity/oauth2/token');
        if ('handler' in route && route.handler === 'imds-proxy') expect(wouldGiveToken).toBe(false);
      }),
      { numRuns: runsOf(750, 3000) },
    );
  });

  it('takes linear time for hostile paths', () => {
    const target = `/metadata/identity${'oauth2'.repeat(20_000)}`;
    expect(nmiRoute(target, { blockInstanceMetadata: false })).toEqual({ handler: 'imds-proxy' });
  });

  it.each([
    ['/metadata/Identity/oauth2/token', { handler: 'imds-proxy' }],
    ['/x/metadata/identity/oauth2/token', { handler: 'invalid' }],
    ['/metadata/identity%5Coauth2/token', { handler: 'invalid' }],
    ['/metadata/./identity/oauth2/token/?a=b', { redirect: '/metadata/identity/oauth2/token/?a=b' }],
    ['/metadata/identity/oauth2/tokenXYZ', { handler: 'token' }],
    ['/%zz', { handler: 'undecodable' }],
    ['http://elsewhere//host/token', { redirect: '/host/token' }],
  ])('%s', (target, route) => {
    expect(nmiRoute(target, { blockInstanceMetadata: true })).toEqual(route);
  });
});
