import { readFile } from 'node:fs/promises';

import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LocalCloud } from '../../src/up/start-local-cloud.ts';
import { freePortBase } from '../../testing/free-port-base.ts';
import { openIdentityCloud, startScriptCloud } from '../../testing/identity-cloud.ts';
import type { IdentityCloud } from '../../testing/identity-cloud.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const PODS = '/api/v1/namespaces/default/pods';

describe('the API server of a local cluster', { timeout: 60_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let cloud: LocalCloud;
  let azure: IdentityCloud;
  let dispatcher: Agent;

  beforeAll(async () => {
    folder = await temporaryFolder();
    cloud = await startScriptCloud(folder.path, await freePortBase(11));
    azure = await openIdentityCloud(cloud);
    dispatcher = new Agent({ connect: { ca: await readFile(azure.cloudFile['caFile'] ?? '', 'utf8') } });
    await azure.makeCluster({ workloadIdentity: false });
    await azure.makeServiceAccount('reader', 'none');
  }, 120_000);
  afterAll(async () => {
    await dispatcher.destroy();
    await azure.close();
    await cloud.stop();
    await folder[Symbol.asyncDispose]();
  });

  async function tokenFor(audiences: readonly string[]): Promise<string> {
    const path = '/api/v1/namespaces/default/serviceaccounts/reader/token';
    const answer = (await azure.kubernetes('POST', path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences },
    })) as { status: { token: string } };
    return answer.status.token;
  }

  async function askWith(token: string, path = PODS): Promise<{ status: number; message: string | undefined }> {
    const url = `${azure.cloudFile['kubernetesUrl']}${path}`;
    const answer = await request(url, { dispatcher, headers: { authorization: `Bearer ${token}` } });
    const { message } = (await answer.body.json()) as { message?: string };
    return { status: answer.statusCode, message };
  }

  it('lets a service account do what its roles say, and nothing else', async () => {
    const token = await tokenFor([]);
    expect(await askWith(token)).toEqual({
      status: 403,
      message:
        'pods is forbidden: User "system:serviceaccount:default:reader" cannot list resource "pods" in API group "" in the namespace "default"',
    });
    await azure.kubernetes('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'reader-views' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'default' }],
    });
    expect((await askWith(token)).status).toBe(200);
    expect((await askWith(token, '/api/v1/namespaces/default/secrets')).status).toBe(403);
    expect((await askWith(token, '/api/v1/namespaces/kube-system/pods')).status).toBe(403);
  });

  it('knows nobody by a token for somebody else, or by none of its own', async () => {
    const statuses = [];
    for (const token of [await tokenFor(['api://AzureADTokenExchange']), 'made-up']) {
      statuses.push((await askWith(token)).status);
    }
    expect(statuses).toEqual([401, 401]);
  });
});
