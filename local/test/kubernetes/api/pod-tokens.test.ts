import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openClusterIssuer, serviceAccountTokens } from '../../../src/azure/index.ts';
import { createClusterStore, podTokens } from '../../../src/kubernetes/api/index.ts';
import type { ClusterStore, PodTokenSource } from '../../../src/kubernetes/api/index.ts';
import { temporaryFolder } from '../../../testing/temporary-folder.ts';

const ISSUER = 'https://127.0.0.1:8447/';
const NOW = 1_800_000_000_000;

describe('tokens for the pods of a node', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let store: ClusterStore;
  let tokens: PodTokenSource;

  beforeEach(async () => {
    folder = await temporaryFolder();
    store = createClusterStore({ clock: () => NOW, randomBytes });
    const file = join(folder.path, 'issuer.json');
    const issuer = await openClusterIssuer({ file, issuer: ISSUER, clock: () => NOW });
    tokens = podTokens(store, serviceAccountTokens(issuer));
  });
  afterEach(async () => folder[Symbol.asyncDispose]());

  const request = { namespace: 'default', serviceAccount: 'app', audiences: ['a'], expirationSeconds: 3600 };

  it('are bound to account and pod, for the audience that was asked for', async () => {
    const made = store.create({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'app', namespace: 'default' },
    });
    const pod = { name: 'pod-1', uid: 'uid-1' };
    const { token, expiresAt } = await tokens({ ...request, pod });
    expect(expiresAt).toBe(NOW + 3_600_000);
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as object;
    expect(claims).toMatchObject({
      iss: ISSUER,
      aud: ['a'],
      sub: 'system:serviceaccount:default:app',
      'kubernetes.io': { namespace: 'default', pod, serviceaccount: { name: 'app', uid: made.metadata.uid } },
    });
  });

  it('are refused in the words of the API server', async () => {
    await expect(tokens({ ...request, serviceAccount: 'gone' })).rejects.toThrow('serviceaccounts "gone" not found');
    store.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'app', namespace: 'default' } });
    await expect(tokens({ ...request, expirationSeconds: 599 })).rejects.toThrow(
      'may not specify a duration less than 10 minutes',
    );
  });
});
