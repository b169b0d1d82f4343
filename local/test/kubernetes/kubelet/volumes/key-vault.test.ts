import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LocalCloud } from '../../../../src/up/start-local-cloud.ts';
import { freePortBase } from '../../../../testing/free-port-base.ts';
import { openIdentityCloud, startScriptCloud } from '../../../../testing/identity-cloud.ts';
import type { IdentityCloud, TestIdentity } from '../../../../testing/identity-cloud.ts';
import { temporaryFolder } from '../../../../testing/temporary-folder.ts';
import { waitFor } from '../../../../testing/wait-for.ts';

const NAMESPACE = '/api/v1/namespaces/default';
const CLASSES = '/apis/secrets-store.csi.x-k8s.io/v1/namespaces/default/secretproviderclasses';

describe('Key Vault volumes in the local cloud', { timeout: 120_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let cloud: LocalCloud;
  let azure: IdentityCloud;
  let identity: TestIdentity;
  let issuerURL: string;
  let portBase: number;

  beforeAll(async () => {
    folder = await temporaryFolder();
    portBase = await freePortBase(11);
    cloud = await startScriptCloud(folder.path, portBase);
    azure = await openIdentityCloud(cloud);
    identity = await azure.makeIdentity('azure-vote');
    const podIdentity = [{ name: 'azure-vote', identity }];
    // The add-on takes identities only once the cluster is there.
    await azure.makeCluster({ workloadIdentity: true });
    ({ issuerURL } = await azure.makeCluster({ workloadIdentity: true, podIdentity }));
    await azure.makeVault('azure-vote', [identity.principalId], { 'redis-key': 'sesame' });
    await azure.makeVault('azure-none', [], { 'redis-key': 'sesame' });
  }, 120_000);
  afterAll(async () => {
    await azure.close();
    await cloud.stop();
    await folder[Symbol.asyncDispose]();
  });

  const makeClass = async (name: string, parameters: Readonly<Record<string, string>>): Promise<void> => {
    await azure.kubernetes('POST', CLASSES, {
      apiVersion: 'secrets-store.csi.x-k8s.io/v1',
      kind: 'SecretProviderClass',
      metadata: { name },
      spec: {
        provider: 'azure',
        parameters: {
          keyvaultName: 'azure-vote',
          tenantId: azure.cloudFile['tenantId'],
          objects: 'array:\n- |\n  objectName: redis-key\n  objectType: secret\n  objectAlias: REDIS_PWD\n',
          ...parameters,
        },
        secretObjects: [{ secretName: name, type: 'Opaque', data: [{ objectName: 'REDIS_PWD', key: 'password' }] }],
      },
    });
  };
  const makePod = async (name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> => {
    const script = `console.log(process.env.REDIS_PWD, require('node:fs').readFileSync('/mnt/secrets/REDIS_PWD', 'utf8')); setInterval(() => {}, 1000)`;
    const csi = { driver: 'secrets-store.csi.k8s.io', readOnly: true, volumeAttributes: { secretProviderClass: name } };
    await azure.kubernetes('POST', `${NAMESPACE}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'app',
            image: 'script:1',
            command: ['/run', script],
            env: [{ name: 'REDIS_PWD', valueFrom: { secretKeyRef: { name, key: 'password' } } }],
            volumeMounts: [{ name: 'secrets', mountPath: '/mnt/secrets', readOnly: true }],
          },
        ],
        volumes: [{ name: 'secrets', csi }],
      },
    });
  };
  const eventsOf = async (pod: string): Promise<readonly string[]> => {
    const { items } = (await azure.kubernetes('GET', `${NAMESPACE}/events`)) as {
      items: { involvedObject: { name: string }; reason: string; message: string }[];
    };
    return items
      .filter(({ involvedObject }) => involvedObject.name === pod)
      .map(({ reason, message }) => `${reason}: ${message}`);
  };
  const printed = async (pod: string): Promise<unknown> => {
    let log: unknown = '';
    let events: readonly string[] = [];
    const look = async (): Promise<boolean> => {
      events = await eventsOf(pod);
      log = await azure.kubernetes('GET', `${NAMESPACE}/pods/${pod}/log`).catch(() => '');
      return log !== '';
    };
    await waitFor(look, 90_000, () => events.join('\n'));
    return log;
  };
  const failure = async (pod: string): Promise<string> => {
    let found: string | undefined;
    const look = async (): Promise<boolean> => {
      found = (await eventsOf(pod)).find((text) => text.startsWith('FailedMount'));
      return found !== undefined;
    };
    await waitFor(look, 90_000, () => 'no failure');
    return found ?? '';
  };

  it('come with pod identity, by the label of the pod', async () => {
    await makeClass('bound', { usePodIdentity: 'true' });
    await expect(azure.kubernetes('GET', `${NAMESPACE}/secrets/bound`)).rejects.toThrow('404');
    await makePod('bound', { aadpodidbinding: 'azure-vote' });
    expect(await printed('bound')).toBe('sesame sesame\n');
    expect(await azure.kubernetes('GET', `${NAMESPACE}/secrets/bound`)).toMatchObject({ type: 'Opaque' });
  });

  it('come with workload identity, by the service account of the pod', async () => {
    const trust = { issuer: issuerURL, subject: 'system:serviceaccount:default:default' };
    const workload = await azure.makeIdentity('workload', trust);
    await azure.makeVault('azure-workload', [workload.principalId], {});
    await makeClass('workload', { clientID: workload.clientId, keyvaultName: 'azure-workload' });
    await makePod('workload');
    expect(await printed('workload')).toBe('sesame sesame\n');
  });

  it('come with an identity of the node', async () => {
    await makeClass('node', { useVMManagedIdentity: 'true', userAssignedIdentityID: identity.clientId });
    await makePod('node');
    expect(await printed('node')).toBe('sesame sesame\n');
  });

  it('stay away from a pod with another label, and say what the node answered', async () => {
    await makeClass('stranger', { usePodIdentity: 'true' });
    await makePod('stranger', { aadpodidbinding: 'azure-vot' });
    expect(await failure('stranger')).toMatch(
      /^FailedMount: MountVolume.SetUp failed for volume "secrets" : rpc error: code = Unknown desc = failed to mount secrets store objects for pod default\/stranger, err: .*nmi response failed with status code: 404, response body: /,
    );
    await expect(azure.kubernetes('GET', `${NAMESPACE}/secrets/stranger`)).rejects.toThrow('404');
  });

  it('stay away while the identity has no rights on the vault, and come when it has', async () => {
    await makeClass('poor', { usePodIdentity: 'true', keyvaultName: 'azure-none' });
    await makePod('poor', { aadpodidbinding: 'azure-vote' });
    expect(await failure('poor')).toContain(
      'failed to get objectType:secret, objectName:redis-key, objectVersion:: status 403, code Forbidden, inner code ForbiddenByRbac',
    );
    await azure.makeVault('azure-none', [identity.principalId], {});
    expect(await printed('poor')).toBe('sesame sesame\n');
  });

  it('stay away when there is no such vault', async () => {
    await makeClass('nowhere', { usePodIdentity: 'true', keyvaultName: 'azure-nowhere' });
    await makePod('nowhere', { aadpodidbinding: 'azure-vote' });
    expect(await failure('nowhere')).toContain('getaddrinfo ENOTFOUND azure-nowhere.vault.azure.net');
  });

  it('stay away where the network rules of the vault let nobody in', async () => {
    const properties = { enableRbacAuthorization: true, publicNetworkAccess: 'Disabled' };
    await azure.makeVault('azure-closed', [identity.principalId], {}, properties);
    await makeClass('closed', { usePodIdentity: 'true', keyvaultName: 'azure-closed' });
    await makePod('closed', { aadpodidbinding: 'azure-vote' });
    expect(await failure('closed')).toContain('status 403, code Forbidden, inner code ForbiddenBy');
  });

  it('are filled again when the cloud starts again, and nothing is left of them when it stops', async () => {
    await cloud.stop();
    expect(existsSync(join(folder.path, 'home/pods')) ? await readdir(join(folder.path, 'home/pods')) : []).toEqual([]);
    await azure.close();
    // As a cloud leaves it that was killed.
    await mkdir(join(folder.path, 'home/pods/default_old_1/volumes'), { recursive: true });
    cloud = await startScriptCloud(folder.path, portBase);
    expect(existsSync(join(folder.path, 'home/pods/default_old_1'))).toBe(false);
    azure = await openIdentityCloud(cloud);
    await azure.makeCluster({ workloadIdentity: true, podIdentity: [{ name: 'azure-vote', identity }] });
    const again = async (): Promise<boolean> =>
      (await azure.kubernetes('GET', `${NAMESPACE}/pods/bound/log`).catch(() => '')) ===
      'sesame sesame\nsesame sesame\n';
    await waitFor(again, 90_000, () => 'not again');
  });
});
