import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openClusterIssuer } from '../../src/azure/cluster-issuer.ts';
import type { ClusterIssuer, ServiceAccountTokenClaims } from '../../src/azure/cluster-issuer.ts';
import { serviceAccountUser } from '../../src/azure/service-account-user.ts';
import { createClusterStore, createRbacAuthorizer } from '../../src/kubernetes/api/index.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const ISSUER = 'https://127.0.0.1:8447/';
let nowMs = Date.UTC(2026, 0, 1);
const clock = (): number => nowMs;
const store = createClusterStore({ clock, randomBytes });
const account = store.create({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'reader', namespace: 'default' },
});
const pod = store.create({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default' },
  spec: { containers: [{ name: 'web', image: 'web:1' }] },
});

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let issuer: ClusterIssuer;
let other: ClusterIssuer;

beforeAll(async () => {
  folder = await temporaryFolder();
  const open = (name: string): Promise<ClusterIssuer> =>
    openClusterIssuer({ file: join(folder.path, `${name}.json`), issuer: ISSUER, clock });
  [issuer, other] = await Promise.all([open('own'), open('other')]);
});
afterAll(() => folder[Symbol.asyncDispose]());

function token(changes: Partial<ServiceAccountTokenClaims> = {}, by: ClusterIssuer = issuer): string {
  const { name, uid } = account.metadata;
  return by.issueToken({
    namespace: 'default',
    serviceAccount: { name, uid },
    audiences: [],
    expirationSeconds: 3600,
    pod: { name: pod.metadata.name, uid: pod.metadata.uid },
    ...changes,
  }).token;
}

const userOf = (text: string) => serviceAccountUser(store, issuer, clock)(text);

describe('serviceAccountUser', () => {
  it('knows the account of a token by its own key', () => {
    expect(userOf(token())).toEqual({
      username: 'system:serviceaccount:default:reader',
      uid: account.metadata.uid,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    });
  });

  it.each([
    ['for somebody else', () => token({ audiences: ['api://AzureADTokenExchange'] })],
    ['by the key of another cluster', () => token({}, other)],
    ['of an account that is another one now', () => token({ serviceAccount: { name: 'reader', uid: 'earlier' } })],
    ['of an account that is gone', () => token({ serviceAccount: { name: 'gone', uid: account.metadata.uid } })],
    ['of a pod that is gone', () => token({ pod: { name: 'gone', uid: pod.metadata.uid } })],
    ['whose name was changed', () => changed(token(), (payload) => payload.replace('reader', 'writer'))],
    ['without a signature', () => token().replace(/[^.]+$/, '')],
    ['that is none', () => 'no token'],
  ])('knows nobody for a token %s', (_, make) => {
    expect(userOf(make())).toBeUndefined();
  });

  it('knows nobody for a token whose time is over, or has not come', () => {
    const text = token();
    nowMs += 3_600_000;
    expect(userOf(text)).toBeUndefined();
    nowMs -= 3_601_000;
    expect(userOf(text)).toBeUndefined();
    nowMs += 1000;
    expect(userOf(text)).toBeDefined();
  });

  it('gives a user to whom RBAC allows what roles say, and nothing else', () => {
    const rbac = { apiGroup: 'rbac.authorization.k8s.io' };
    const metadata = { name: 'reads-pods', namespace: 'default' };
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    store.create({
      apiVersion,
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    });
    store.create({
      apiVersion,
      kind: 'RoleBinding',
      metadata,
      roleRef: { ...rbac, kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'default' }],
    });
    const user = userOf(token());
    const may = (verb: string, resource: string): boolean =>
      user !== undefined &&
      createRbacAuthorizer(store)(user, {
        verb,
        group: '',
        resource,
        subresource: undefined,
        namespace: 'default',
        name: 'web',
      });
    expect([may('get', 'pods'), may('delete', 'pods'), may('get', 'secrets')]).toEqual([true, false, false]);
  });
});

function changed(text: string, edit: (payload: string) => string): string {
  const [header, payload = '', signature] = text.split('.');
  const edited = edit(Buffer.from(payload, 'base64url').toString());
  return [header, Buffer.from(edited).toString('base64url'), signature].join('.');
}
