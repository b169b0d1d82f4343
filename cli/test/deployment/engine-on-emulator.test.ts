import { Buffer } from 'node:buffer';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

import { certificatesToPem, createAuthorityCertificate, createServerCertificate } from '@holdfast/attestation';
import { createArmClient } from '@holdfast/azure';
import { Secret } from '@holdfast/base';
import { apply, idOf, openRun, plan, readConfig } from '@holdfast/deployment';
import type { ArmPort, RunInput } from '@holdfast/deployment';
import { fakeWorld } from '@holdfast/deployment/testing';
import { listen } from '@holdfast/http';
import { buildArmApp, createArmWorld } from '@holdfast/local/arm';
import { describe, expect, it } from 'vitest';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';
const TENANT = '00000000-0000-0000-0000-00000000000a';
const OPENSHIFT = `/subscriptions/${SUBSCRIPTION}/resourceGroups/openshift`;
const azureStages = ['S1', 'S2', 'S3', 'S4', 'S5a', 'S5b', 'S6'] as const;

/** A certificate for the loopback address, and the authority behind it. */
function certificates(): { readonly ca: string; readonly key: string; readonly cert: string } {
  const root = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const validity = { notBefore: Date.now() - 3_600_000, notAfter: Date.now() + 3_600_000, serial: randomBytes(8) };
  const authority = createAuthorityCertificate({ ...validity, ...root, commonName: 'test' });
  const made = createServerCertificate(
    { certificate: authority, privateKey: root.privateKey },
    { ...validity, hosts: ['127.0.0.1'], publicKey: server.publicKey },
  );
  const key = server.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { ca: certificatesToPem([authority]), cert: certificatesToPem([made]), key };
}

/** The real SDKs against a server that is not Azure's. */
function sdkFor(endpoint: string, ca: string): ArmPort {
  const claims = { oid: '11111111-1111-1111-1111-111111111111', tid: TENANT, exp: 9_999_999_999 };
  const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;
  return createArmClient({
    subscriptionId: SUBSCRIPTION,
    credential: { getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) },
    endpoint,
    tls: { ca },
    pollIntervalMs: 1,
    maxRetries: 0,
    clock: Date.now,
  });
}

/** The network of an OpenShift cluster, which is only added to. */
async function openshift(arm: ArmPort): Promise<void> {
  const network = `${OPENSHIFT}/providers/Microsoft.Network`;
  const worker = { name: 'worker', properties: { addressPrefix: '10.0.32.0/19' } };
  await arm.write(OPENSHIFT, '2024-03-01', { location: 'eastus' });
  await arm.write(`${network}/virtualNetworks/openshift-vnet`, '2024-05-01', {
    location: 'eastus',
    properties: { addressSpace: { addressPrefixes: ['10.0.0.0/16'] }, subnets: [worker] },
  });
  await arm.write(`${network}/networkSecurityGroups/openshift-nsg`, '2024-05-01', {
    location: 'eastus',
    properties: {},
  });
}

interface Emulated {
  readonly arm: ArmPort;
  readonly input: RunInput;
  readonly close: () => Promise<void>;
}

/** A local Azure Resource Manager for one of the examples, and what a run in it needs. */
async function emulate(name: string): Promise<Emulated> {
  const { config } = readConfig(await readFile(new URL(`../../../examples/${name}.yaml`, import.meta.url), 'utf8'));
  if (config === undefined) throw new Error('the example cannot be read');
  const fake = fakeWorld(SUBSCRIPTION);
  const subscriptions = [{ subscriptionId: SUBSCRIPTION, tenantId: TENANT }] as const;
  const settings = name === 'peer-pods' ? ({ registered: 'all' } as const) : {};
  const { ca, ...tls } = certificates();
  const app = buildArmApp(createArmWorld({ subscriptions: [...subscriptions], clock: fake.clock.now, settings }), {
    tls,
  });
  const arm = sdkFor((await listen(app, { host: '127.0.0.1', port: 0 })).replace('http:', 'https:'), ca);
  // Each pause moves the time of that cloud on; deadlines never pass.
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    fake.clock.pass(20_000);
    await setTimeout(ms >= 600_000 ? 60_000 : 1, undefined, signal === undefined ? {} : { signal });
  };
  const ticking = setInterval(() => fake.clock.pass(20_000), 2);
  return {
    arm,
    input: { ports: { ...fake.ports, arm, sleep }, config, operatorKey: new Secret('UID2-O-key') },
    close: async () => {
      clearInterval(ticking);
      await app.close();
    },
  };
}

describe('acceptance 1: the engine through the real SDKs against the local Azure Resource Manager', () => {
  for (const name of ['uid2-aks', 'peer-pods', 'private-link', 'kata-cc']) {
    it(`makes the Azure part of examples/${name}.yaml, and plans no change afterwards`, async () => {
      const { arm, input, close } = await emulate(name);
      try {
        if (name === 'peer-pods') await openshift(arm);
        for (const stage of azureStages) await apply(await openRun(input), { stage });
        const { stages } = await plan(await openRun(input));
        const left = stages.filter(({ id }) => id < 'S7');
        expect(left.flatMap(({ changes }) => changes)).toEqual([]);
        expect(left.flatMap(({ problems }) => problems)).toEqual([]);
      } finally {
        await close();
      }
    });
  }

  it('acceptance 9: brings a deleted vault back on request, and makes its roles again', async () => {
    const { arm, input, close } = await emulate('uid2-aks');
    const stages = ['S1', 'S2', 'S3'] as const;
    const rolesAt = (id: string) => arm.list(`${id}/providers/Microsoft.Authorization/roleAssignments`, '2022-04-01');
    try {
      for (const stage of stages) await apply(await openRun(input), { stage });
      const vault = (await openRun(input)).node('R-KV');
      if (vault?.kind !== 'arm') throw new Error('there is no vault');
      const id = idOf(vault);
      expect(await rolesAt(id)).not.toEqual([]);
      for (const { id: role } of await rolesAt(id)) await arm.remove(role as string, '2022-04-01');
      await arm.remove(id, vault.apiVersion);
      const refused = apply(await openRun(input), { stage: 'S3' });
      await expect(refused).rejects.toMatchObject({ action: expect.stringContaining('--recover-vault') as string });
      await apply(await openRun({ ...input, recoverVault: true }), { stage: 'S3' });
      expect(await arm.read(id, vault.apiVersion)).toBeDefined();
      expect(await rolesAt(id)).not.toEqual([]);
    } finally {
      await close();
    }
  });
});
