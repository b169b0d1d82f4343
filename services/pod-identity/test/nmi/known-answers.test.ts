import { readAzureIdentity, readAzureIdentityBinding, readAzurePodIdentityException } from '@holdfast/admission';
import type { AssignedStates, AzureIdentity, JsonObject, MatchingRules } from '@holdfast/admission';
import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import { assertNamespaced } from '../../src/index.ts';
import { managedSearch, searchManaged, searchStandard } from '../../src/nmi/identity-search.ts';
import type { IdentitySearch } from '../../src/nmi/identity-search.ts';
import { parseTokenRequest } from '../../src/nmi/request.ts';
import { nmiRoute } from '../../src/nmi/routing.ts';
import { identityFailure, tokenFailure } from '../../src/nmi/server.ts';
import { tokenBody, TokenRefreshError, TokenUnavailableError } from '../../src/tokens/token.ts';
import { FakeNode, pod, textOf } from './fake-node.ts';

/** Members differ from case to case; each test names what it reads. */
type Bag = Readonly<Record<string, never>>;
interface VectorCase {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly input: Bag;
  readonly expect: Bag;
}

const vectors = loadVectors('identity.json') as { readonly cases: readonly VectorCase[] } | undefined;
const casesOf = (group: string, fits: (entry: VectorCase) => boolean = () => true): readonly VectorCase[] =>
  vectors?.cases.filter((entry) => entry.group === group && fits(entry)) ?? [];

/** What a case expects in one mode; alternatives are named by it. */
function expectedIn(rules: MatchingRules, expected: Bag): Bag {
  return expected[rules] ?? expected;
}

interface ListedIdentity {
  readonly name: string;
  readonly namespace?: string;
  readonly ns?: string;
  readonly type?: number;
  readonly clientID: string;
  readonly resourceID?: string;
}

const readIdentity = ({ name, namespace, ns, type, clientID, resourceID }: ListedIdentity): AzureIdentity =>
  readAzureIdentity({
    metadata: { name, namespace: namespace ?? ns ?? '' },
    spec: { type: type ?? 0, clientID, resourceID: resourceID ?? '' },
  });

interface ListedBinding {
  readonly name: string;
  readonly namespace?: string;
  readonly ns?: string;
  readonly azureIdentity: string;
  readonly selector: string;
}

const readBinding = ({ name, namespace, ns, ...spec }: ListedBinding) =>
  readAzureIdentityBinding({
    metadata: { name, namespace: namespace ?? ns ?? '' },
    spec,
  });

const MODES: readonly MatchingRules[] = ['compatible', 'strict'];

describe.skipIf(vectors === undefined)('known answers: routes', () => {
  it.each(casesOf('nmi-route'))('$id $title', ({ input, expect: wanted }) => {
    const route = nmiRoute(input['path'] ?? '', { blockInstanceMetadata: input['blockInstanceMetadata'] ?? false });
    if ('location' in wanted) expect(route).toEqual({ redirect: wanted['location'] });
    else expect(route).toEqual({ handler: wanted['handler'] });
  });
});

describe.skipIf(vectors === undefined)('known answers: requests', () => {
  const requests = casesOf('nmi-http', ({ input }) => 'path' in input && !('identity' in input));
  it.each(MODES.flatMap((rules) => requests.map((entry) => ({ ...entry, rules }))))(
    '$id $title ($rules)',
    async ({ input, expect: wanted, rules }) => {
      const node = new FakeNode({
        rules,
        mode: input['mode'] ?? 'managed',
        metadataHeaderRequired: input['metadataHeaderRequired'] ?? true,
        blockInstanceMetadata: input['blockInstanceMetadata'] ?? false,
      });
      node.pods = ((input['pods'] ?? []) as readonly JsonObject[]).map(({ ns, ip, ...rest }) =>
        pod({ ...rest, namespace: ns, address: ip, name: rest['name'] } as never),
      );
      node.allBindings = ((input['bindings'] ?? []) as readonly ListedBinding[]).map(readBinding);
      node.allIdentities = ((input['identities'] ?? []) as readonly ListedIdentity[]).map(readIdentity);
      const answer = await node.ask(input['path'] ?? '', {
        method: input['method'] ?? 'GET',
        rawHeaders: Object.entries(input['headers'] ?? {}).flat() as string[],
        remote: input['remote'] ?? '10.0.0.5:40000',
      });
      const { status, contentType, body, lookups, imdsClientId } = expectedIn(rules, wanted) as never as {
        readonly status: number;
        readonly contentType?: string;
        readonly body?: string;
        readonly lookups?: number;
        readonly imdsClientId?: string;
      };
      expect(answer.status).toBe(status);
      if (contentType !== undefined) expect(answer.headers['content-type']).toBe(contentType);
      if (body !== undefined) expect(textOf(answer)).toBe(body);
      if (lookups !== undefined) expect(node.lookups).toBe(lookups);
      if (imdsClientId !== undefined) expect(node.asked[0]?.path).toContain(`client_id=${imdsClientId}&`);
    },
  );

  it.each(casesOf('nmi-http', ({ input }) => 'token' in input))('$id $title', ({ input, expect: wanted }) => {
    const { expiresIn, expiresOn, notBefore, ...rest } = input['token'] as unknown as Readonly<Record<string, number>>;
    const token = { ...rest, expiresIn: String(expiresIn), expiresOn: String(expiresOn), notBefore: String(notBefore) };
    expect(tokenBody([token as never])).toBe(wanted['body']);
  });

  it.each(casesOf('nmi-http', ({ input }) => 'tokens' in input))('$id $title', ({ input, expect: wanted }) => {
    const token = { accessToken: 'T', expiresIn: '', expiresOn: '', notBefore: '', resource: '', type: '' };
    const body = JSON.parse(tokenBody(Array.from({ length: Number(input['tokens']) }, () => token))) as unknown;
    expect(Array.isArray(body)).toBe(wanted['bodyIsArray']);
    expect(body).toHaveLength(wanted['length'] ?? 0);
  });

  it.each(casesOf('nmi-http', ({ input }) => 'identityError' in input))('$id $title', ({ input, expect: wanted }) => {
    const { answer } = identityFailure(input['identityError'] ?? '', {
      setRetryAfterHeader: input['setRetryAfterHeader'] ?? false,
    });
    expect(answer.status).toBe(wanted['status']);
    expect(textOf(answer)).toBe(wanted['body'] ?? textOf(answer));
    if ('retryAfter' in wanted) expect(answer.headers['retry-after']).toBe(String(wanted['retryAfter']));
    if ('contentType' in wanted) expect(answer.headers['content-type']).toBe(wanted['contentType']);
  });

  it.each(casesOf('nmi-http', ({ input }) => 'tokenError' in input))('$id $title', ({ input, expect: wanted }) => {
    const { kind, text } = input['tokenError'] as unknown as { readonly kind: string; readonly text: string };
    const error = kind === 'TokenRefreshError' ? new TokenRefreshError(text) : new TokenUnavailableError(text);
    const { answer } = tokenFailure(error);
    expect([answer.status, textOf(answer)]).toEqual([wanted['status'], wanted['body'] ?? `${text}\n`]);
  });

  it.each(casesOf('nmi-http', ({ input }) => 'identity' in input))('$id $title', async ({ input, expect: wanted }) => {
    const headers = input['headers'] as unknown as { readonly podname: string; readonly podns: string };
    const node = new FakeNode();
    node.pods = [pod({ name: headers.podname, namespace: headers.podns, labels: { aadpodidbinding: 's' } })];
    node.allBindings = [readBinding({ name: 'b', ns: headers.podns, azureIdentity: 'i', selector: 's' })];
    node.allIdentities = [
      readIdentity({ ...(input['identity'] as unknown as ListedIdentity), name: 'i', ns: headers.podns }),
    ];
    const answer = await node.ask(input['path'] ?? '', {
      rawHeaders: Object.entries(headers).flat(),
      remote: input['remote'] ?? '',
    });
    expect(answer.status).toBe(wanted['status']);
    const { token, clientid } = JSON.parse(textOf(answer)) as {
      readonly token: Readonly<Record<string, unknown>>;
      readonly clientid: string;
    };
    const shape = wanted['jsonShape'] as unknown as {
      readonly token: Readonly<Record<string, string>>;
      readonly clientid: string;
    };
    expect(Object.fromEntries(Object.entries(token).map(([name, value]) => [name, typeof value]))).toEqual(shape.token);
    expect(clientid).toBe(shape.clientid);
  });

  it.each(casesOf('nmi-http', ({ input, expect: wanted }) => 'query' in input && 'resource' in wanted))(
    '$id $title',
    ({ input, expect: wanted }) => {
      const { clientId, resourceId, resource } = parseTokenRequest(`/x?${input['query'] ?? ''}`);
      expect({ clientID: clientId, resourceID: resourceId, resource }).toEqual(wanted);
    },
  );

  it.each(casesOf('nmi-http', ({ input }) => 'exceptions' in input))(
    '$id $title',
    async ({ input, expect: wanted }) => {
      const node = new FakeNode();
      node.pods = [pod({ name: 'p', ...(input['pod'] as unknown as Readonly<Record<string, never>>) })];
      node.allExceptions = (input['exceptions'] as unknown as readonly JsonObject[]).map((spec) =>
        readAzurePodIdentityException({ metadata: { name: 'e', namespace: 'default' }, spec }),
      );
      const answer = await node.ask(`/metadata/identity/oauth2/token?${input['query'] ?? ''}`);
      expect(answer.status).toBe(200);
      const asked = new URL(node.asked[0]?.path ?? '', 'http://h').searchParams;
      const imds = wanted['imdsRequest'] as unknown as Readonly<Record<string, string | null>>;
      for (const [name, value] of Object.entries(imds)) expect(asked.get(name)).toBe(value);
      expect(node.searches > 0).toBe(wanted['identitySearch']);
    },
  );
});

describe.skipIf(vectors === undefined)('known answers: identities', () => {
  const check = (found: IdentitySearch, wanted: Bag): void => {
    if ('identity' in wanted) {
      expect(found).toHaveProperty('identity');
      if ('identity' in found) expect(`${found.identity.namespace}/${found.identity.name}`).toBe(wanted['identity']);
      return;
    }
    expect(found).toHaveProperty('problem');
    if (!('problem' in found)) return;
    expect(identityFailure(found.problem, { setRetryAfterHeader: false }).answer.status).toBe(wanted['status']);
    if ('message' in wanted) expect(found.problem).toBe(wanted['message']);
    expect(found.problem).toContain(wanted['messageContains'] ?? '');
  };
  const inModes = (fits: (entry: VectorCase) => boolean) =>
    MODES.flatMap((rules) => casesOf('nmi-identity', fits).map((entry) => ({ ...entry, rules })));
  const requestedOf = (input: Bag) => ({ clientId: input['clientID'] ?? '', resourceId: input['resourceID'] ?? '' });

  it.each(inModes(({ input }) => 'states' in input))(
    '$id $title ($rules)',
    async ({ input, expect: wanted, rules }) => {
      let waitedMs = 0;
      const states = Object.fromEntries(
        Object.entries(input['states'] ?? {}).map(([state, list]) => [
          state,
          (list as readonly ListedIdentity[]).map(readIdentity),
        ]),
      ) as AssignedStates;
      const settings = {
        retryCreated: input['retryCreated'] ?? 16,
        retryAssigned: input['retryAssigned'] ?? 4,
        intervalSeconds: input['intervalSeconds'] ?? 5,
        forceNamespaced: input['forceNamespaced'] ?? false,
        rules,
        sleep: (ms: number) => {
          waitedMs += ms;
          return Promise.resolve();
        },
      };
      const { signal } = new AbortController();
      const found = await searchStandard(
        () => Promise.resolve(states),
        { namespace: input['podNs'] ?? '', name: 'pod' },
        { requested: requestedOf(input), settings, signal },
      );
      check(found, expectedIn(rules, wanted));
      if ('waitedSeconds' in wanted) expect(waitedMs / 1000).toBe(wanted['waitedSeconds']);
    },
  );

  it.each(inModes(({ input }) => 'candidates' in input))('$id $title ($rules)', ({ input, expect: wanted, rules }) => {
    const candidates = (input['candidates'] as unknown as readonly ListedIdentity[]).map(readIdentity);
    check(searchManaged(candidates, input['podNs'] ?? '', requestedOf(input)), expectedIn(rules, wanted));
  });

  it.each(inModes(({ input }) => input['mode'] === 'managed' && 'bindings' in input))(
    '$id $title ($rules)',
    async ({ input, expect: wanted, rules }) => {
      const node = new FakeNode();
      node.pods = [pod({ name: 'pod', namespace: input['podNs'] ?? '', labels: input['podLabels'] ?? {} })];
      node.allBindings = (input['bindings'] as unknown as readonly ListedBinding[]).map(readBinding);
      node.allIdentities = (input['identities'] as unknown as readonly ListedIdentity[]).map(readIdentity);
      const { signal } = new AbortController();
      const search = managedSearch(node, rules);
      const found = await search({ namespace: input['podNs'] ?? '', name: 'pod' }, requestedOf(input), signal);
      check(found, expectedIn(rules, wanted));
    },
  );

  it.each(casesOf('nmi-identity', ({ expect: wanted }) => 'startupError' in wanted))(
    '$id $title',
    ({ input, expect: wanted }) => {
      const config = {
        'operation-mode': input['mode'] ?? 'standard',
        forceNamespaced: input['forceNamespaced'] ?? true,
      } as const;
      expect(() => assertNamespaced(config)).toThrow(wanted['startupError']);
    },
  );
});
