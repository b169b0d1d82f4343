import { Buffer } from 'node:buffer';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

import { certificatesToPem, createAuthorityCertificate, createServerCertificate } from '@holdfast/attestation';
import { createArmClient } from '@holdfast/azure';
import { gatherFacts, readConfig, runDoctor } from '@holdfast/deployment';
import type { ArmPort } from '@holdfast/deployment';
import { listen } from '@holdfast/http';
import { buildArmApp, createArmWorld } from '@holdfast/local';
import { describe, expect, it } from 'vitest';

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';
const TENANT = '00000000-0000-0000-0000-00000000000a';

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

/** Checks that Azure alone can answer for a deployment that does not exist yet. */
const answered = ['CR-01', 'SB-01', 'PV-01', 'RG-01', 'RG-03', 'LO-03', 'KV-01', 'NM-13', 'NM-14'];

describe('the doctor, through the SDKs of Azure', () => {
  it('is answered by a server that speaks its wire', async () => {
    const { ca, ...tls } = certificates();
    const app = buildArmApp(
      createArmWorld({
        subscriptions: [{ subscriptionId: SUBSCRIPTION, tenantId: TENANT }],
        clock: Date.now,
        settings: {},
      }),
      { tls },
    );
    try {
      const arm = sdkFor((await listen(app, { host: '127.0.0.1', port: 0 })).replace('http:', 'https:'), ca);
      const { config } = readConfig(`profile: uid2-vn2\nsubscriptionId: ${SUBSCRIPTION}\n`);
      if (config === undefined) throw new Error('the configuration is wrong');
      const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
        await setTimeout(ms, undefined, signal === undefined ? {} : { signal });
      };
      const facts = await gatherFacts(config, { arm, clock: Date.now, sleep }, { needs: new Set(['azure']) });
      const verdicts = new Map(runDoctor(config, facts).map(({ check, verdict }) => [check.id, verdict]));
      expect(facts.azure?.notes?.map(({ reason }) => reason)).toEqual([
        'the cluster does not exist yet',
        'the resource group does not exist yet',
      ]);
      for (const id of answered) expect([id, verdicts.get(id)]).not.toEqual([id, 'not-checked']);
    } finally {
      await app.close();
    }
  });
});
