import { loadVectors } from '@holdfast/base/testing';
import { describe, expect, it } from 'vitest';

import {
  assertIdentityResourceId,
  assertOwnerKind,
  assignedIdentityName,
  assignedIdentityNamespace,
  choosesKubenet,
  defaultMigrationSettings,
  desiredAssignments,
  isExcepted,
  objectIn,
  parseTokenExpiration,
  proxyRoute,
  proxyTokenBody,
  readAzureIdentity,
  readAzureIdentityBinding,
  redactClientId,
  scopeOf,
  selectorIdentities,
  serviceAccountFor,
  withProxySidecar,
} from '../../src/index.ts';
import type { JsonObject } from '../../src/index.ts';

interface VectorCase {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  // The members differ from case to case; each test names what it reads.
  readonly input: Readonly<Record<string, never>>;
  readonly expect: Readonly<Record<string, never>>;
}

const vectors = loadVectors('identity.json') as { readonly cases: readonly VectorCase[] } | undefined;
const withInput = (group: string, member: string) =>
  vectors?.cases.filter((entry) => entry.group === group && member in entry.input) ?? [];
const identityNamed = (name: string, type = 0) => readAzureIdentity({ metadata: { name }, spec: { type } });

describe.skipIf(vectors === undefined)('known answers of AAD Pod Identity 1.8', () => {
  it.each(withInput('pod-identity-rules', 'redact'))('$id $title', ({ input, expect: wanted }) => {
    expect(redactClientId(input['redact'] ?? '')).toBe(wanted['value']);
  });

  it.each(withInput('pod-identity-rules', 'resourceID'))('$id $title', ({ input, expect: wanted }) => {
    const check = () => assertIdentityResourceId(input['resourceID'] ?? '');
    if (wanted['valid'] === true) expect(check).not.toThrow();
    else expect(check).toThrow(wanted['error']);
  });

  it.each(withInput('pod-identity-rules', 'kubeletConfig'))('$id $title', ({ input, expect: wanted }) => {
    expect(choosesKubenet(input['kubeletConfig'] ?? '')).toBe(wanted['kubenet']);
  });

  it.each(withInput('pod-identity-rules', 'exceptions'))('$id $title', ({ input, expect: wanted }) => {
    expect(isExcepted(input['podLabels'] ?? {}, input['exceptions'] ?? [])).toBe(wanted['excepted']);
  });

  it.each(withInput('pod-identity-rules', 'identityNs'))('$id $title', ({ input, expect: wanted }) => {
    const { pod = '', podNs = '', identity = '', identityNs = '', namespaced = false } = input as Record<string, never>;
    const forced = (input['forceNamespaced'] as unknown) === true;
    expect(assignedIdentityName(pod, podNs, identity)).toBe(wanted['name']);
    expect(assignedIdentityNamespace({ namespace: identityNs, namespaced }, forced)).toBe(wanted['namespace']);
    const resourceID = '/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i';
    const world = {
      pods: [
        {
          metadata: { name: pod, namespace: podNs, labels: { aadpodidbinding: 'l' } },
          spec: { nodeName: 'n' },
          status: {},
        },
      ],
      bindings: [{ metadata: { name: 'b', namespace: identityNs }, spec: { azureIdentity: identity, selector: 'l' } }],
      identities: [{ metadata: { name: identity, namespace: identityNs }, spec: { type: 0, resourceID } }],
    } as { [member: string]: readonly JsonObject[] } as never;
    const [object] = desiredAssignments(world, forced).assigned;
    expect(Object.keys(objectIn(object?.['metadata'], 'labels'))).toEqual(wanted['labels']);
  });
});

describe.skipIf(vectors === undefined)('known answers of the migration', () => {
  it.each(withInput('migration', 'bindings'))('$id $title', ({ input, expect: wanted }) => {
    const bindings = (
      input['bindings'] as unknown as readonly { name: string; azureIdentity: string; selector: string }[]
    ).map(({ name, ...spec }) => readAzureIdentityBinding({ metadata: { name }, spec }));
    const identities =
      'identities' in input
        ? (input['identities'] as unknown as readonly string[]).map((name) => identityNamed(name))
        : Object.entries(input['identitiesWithType'] ?? {}).map(([name, type]) => identityNamed(name, Number(type)));
    const found = selectorIdentities(bindings, identities).identities;
    expect(Object.fromEntries([...found].map(([selector, { name }]) => [selector, name]))).toEqual(wanted['map']);
  });

  it.each(withInput('migration', 'owner'))('$id $title', ({ input, expect: wanted }) => {
    const account = serviceAccountFor({
      owner: input['owner'] ?? '',
      namespace: 'default',
      named: input['saName'] ?? '',
      serviceAccount: input['serviceAccount'],
      identity: { clientId: input['clientID'] ?? '' },
      settings: { tokenExpirationSeconds: input['expirySeconds'] ?? 0 },
    });
    expect(account).toEqual(wanted['serviceAccount']);
    expect(`${(account['metadata'] as JsonObject)['name'] as string}-serviceaccount.yaml`).toBe(wanted['file']);
  });

  it.each(withInput('migration', 'containers'))('$id $title', ({ input, expect: wanted }) => {
    const containers = withProxySidecar(input['containers'] ?? [], defaultMigrationSettings);
    expect(containers.map((container) => (container as JsonObject)['name'])).toEqual(wanted['containerNames']);
  });

  it.each(withInput('migration', 'serviceAccountTokenExpiration'))('$id $title', ({ input, expect: wanted }) => {
    expect(() => parseTokenExpiration(input['serviceAccountTokenExpiration'] ?? '')).toThrow(wanted['error']);
  });

  it.each(withInput('migration', 'ownerKind'))('$id $title', ({ input, expect: wanted }) => {
    expect(() => assertOwnerKind(input['ownerKind'] ?? '')).toThrow(wanted['error']);
  });

  it.each(withInput('migration', 'path').filter(({ expect: wanted }) => 'handler' in wanted))(
    '$id $title',
    ({ input, expect: wanted }) => {
      expect(proxyRoute(input['path'] ?? '')).toBe(wanted['handler']);
    },
  );

  it.each(withInput('migration', 'resource').filter(({ expect: wanted }) => 'scope' in wanted))(
    '$id $title',
    ({ input, expect: wanted }) => {
      expect(scopeOf(input['resource'] ?? '')).toBe(wanted['scope']);
    },
  );

  it.each(withInput('migration', 'expiresInSeconds'))('$id $title', ({ input, expect: wanted }) => {
    const seconds = Number(input['expiresInSeconds']);
    const body = JSON.parse(
      proxyTokenBody({ token: input['token'] ?? '', expiresOn: 1000 + seconds }, input['resource'] ?? '', 1000),
    ) as Record<string, unknown>;
    for (const [member, type] of Object.entries(wanted['jsonTypes'] ?? {})) expect(typeof body[member]).toBe(type);
    expect(body).toMatchObject({ token_type: wanted['token_type'], refresh_token: wanted['refresh_token'] });
  });
});
