import { constants, createPublicKey, generateKeyPairSync, publicEncrypt, randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { toBase64, toHex } from '@holdfast/base';
import { createApp, listen } from '@holdfast/http';
import {
  createAttestationToken,
  decodeDeltaFile,
  deriveAttestationTokenKey,
  generateApiKey,
  mintOperatorJwt,
  operatorJwtClaims,
  OptOutIndex,
  optOutRecordCount,
  parseOptOutFile,
  parseOptOutLocations,
  parseOptOutFileName,
  saltApiKey,
  writeOperators,
} from '@holdfast/uid2';
import type { OperatorRecord } from '@holdfast/uid2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ServiceProcess, waitFor } from '../src/index.ts';

const KILLS = 8;
/** Opt-outs on their way at the same time. */
const SENDERS = 16;
const SECRETS = { key: 'passphrase', salt: 'salt' };

const jwtKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const random = (length: number): Uint8Array => randomBytes(length);
const { key: operatorKey, keyId } = generateApiKey(
  { scope: 'uid2', holder: 'operator', environment: 'T', siteId: 42 },
  random,
);
const operator: OperatorRecord & { siteId: number } = {
  ...saltApiKey(operatorKey, random),
  name: 'Operator',
  contact: 'operator',
  protocol: 'azure-cc',
  created: 0,
  disabled: false,
  siteId: 42,
  roles: ['OPERATOR', 'OPTOUT'],
  operatorType: 'PRIVATE',
  keyId,
};

let folder: string;
let core: ReturnType<typeof createApp>;
let coreUrl: string;
let configFile: string;

/** As much of Core as the opt-out service asks of it. */
async function startCore(): Promise<void> {
  core = createApp({ bodyLimitBytes: 65_536 });
  core.post('/attest', (request, reply) => {
    const { public_key: encoded = '' } = JSON.parse(String(request.body)) as { public_key?: string };
    const key = createPublicKey({ key: Buffer.from(encoded, 'base64'), format: 'der', type: 'spki' });
    const token = publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from('token'));
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    return reply.send({ status: 'success', body: { attestation_token: token.toString('base64'), expiresAt } });
  });
  core.get('/operators/refresh', (_request, reply) =>
    reply.send({ version: 1, generated: 1, operators: { location: `${coreUrl}/operators.json` } }),
  );
  core.get('/operators.json', (_request, reply) => reply.send(writeOperators([operator])));
  coreUrl = await listen(core, { host: '127.0.0.1', port: 0 });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-durability-'));
  await startCore();
  writeFileSync(join(folder, 'link.key'), toHex(randomBytes(32)));
  writeFileSync(join(folder, 'jwt.pem'), jwtKeys.publicKey.export({ type: 'spki', format: 'pem' }));
  configFile = join(folder, 'optout.json');
  const settings = {
    host: '127.0.0.1',
    port: 0,
    metrics_port: -1,
    core_attest_url: `${coreUrl}/attest`,
    core_api_token: 'service key',
    operators_metadata_path: `${coreUrl}/operators/refresh`,
    operators_refresh_ms: 200,
    storage_folder: join(folder, 'bucket'),
    optout_data_dir: join(folder, 'queue'),
    link_signing_key_file: join(folder, 'link.key'),
    jwt_public_key_files: [join(folder, 'jwt.pem')],
    att_token_enc_key: SECRETS.key,
    att_token_enc_salt: SECRETS.salt,
    core_public_url: 'http://core.test',
    optout_url: 'http://optout.test',
    // Deltas, partitions and half-taken journals all the time, so that kills meet every step.
    optout_delta_rotate_interval: 1,
    optout_sqs_delta_window_seconds: 1,
    optout_max_messages_per_file: 50,
    optout_producer_max_replicas: 1,
    cloud_refresh_interval: 1,
  };
  writeFileSync(configFile, JSON.stringify(settings));
});

afterEach(async () => {
  await core.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<{ readonly service: ServiceProcess; readonly url: string }> {
  const service = new ServiceProcess('optout', configFile);
  const url = await service.listening();
  await waitFor(
    async () => (await fetch(`${url}/ops/healthcheck`)).status === 200,
    90_000,
    () => service.output,
  );
  return { service, url };
}

/** Sends one opt-out; whether the service said that it has it. */
async function optOut(url: string, identityHash: Uint8Array): Promise<boolean> {
  const query = new URLSearchParams({
    identity_hash: toBase64(identityHash),
    advertising_id: toBase64(new Uint8Array([4, ...identityHash])),
  });
  try {
    const answer = await fetch(`${url}/optout/replicate?${query.toString()}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${operatorKey}` },
    });
    return answer.status === 200 && /^\d+$/.test(await answer.text());
  } catch {
    return false; // the service was killed before it answered: it may or may not have the opt-out
  }
}

/** Sends opt-outs without a pause until `isOver`. */
async function send(
  url: string,
  isOver: () => boolean,
  log: { sent: string[]; acknowledged: string[] },
): Promise<void> {
  while (!isOver()) {
    const identityHash = random(32);
    const name = toHex(identityHash);
    log.sent.push(name);
    if (await optOut(url, identityHash)) log.acknowledged.push(name);
  }
}

/** What an attested operator would read. */
async function readLog(url: string): Promise<Uint8Array[]> {
  const expiresAt = Math.floor(Date.now() / 1000) + 600;
  const claims = operatorJwtClaims(operator, {
    expiresAt,
    issuedAt: expiresAt - 600,
    issuer: 'http://core.test',
    audience: 'http://optout.test',
    enclaveId: 'enclave',
    operatorVersion: 'v',
    jwtId: 'id',
  });
  const tokenKey = deriveAttestationTokenKey(SECRETS.key, SECRETS.salt);
  const answer = await fetch(`${url}/optout/refresh`, {
    headers: {
      authorization: `Bearer ${operatorKey}`,
      'attestation-token': createAttestationToken(operatorKey, expiresAt, tokenKey, random),
      'attestation-jwt': mintOperatorJwt(claims, jwtKeys.privateKey),
    },
  });
  expect(answer.status).toBe(200);
  const files: Uint8Array[] = [];
  for (const location of parseOptOutLocations(await answer.text())) {
    const file = await fetch(location.replace('http://optout.test', url));
    expect([location, file.status]).toEqual([location, 200]);
    files.push(new Uint8Array(await file.arrayBuffer()));
  }
  return files;
}

async function isQueueEmpty(): Promise<boolean> {
  return (await readdir(join(folder, 'queue'))).length === 0;
}

describe('the opt-out service, killed again and again while opt-outs arrive', () => {
  it('keeps every opt-out it acknowledged, writes no half file, and repeats none with another content', async () => {
    const log = { sent: [] as string[], acknowledged: [] as string[] };
    for (let kill = 0; kill < KILLS; kill++) {
      const { service, url } = await start();
      let killed = false;
      const sending = Array.from({ length: SENDERS }, () => send(url, () => killed, log));
      const before = log.acknowledged.length;
      await pause(randomInt(20, 2500));
      // Some kills come before anything is acknowledged, the others after.
      if (kill % 2 === 0)
        await waitFor(
          () => log.acknowledged.length > before + 2,
          60_000,
          () => service.output,
        );
      await service.kill();
      killed = true;
      await Promise.all(sending);
    }
    expect(log.acknowledged.length).toBeGreaterThan(KILLS);

    const { service, url } = await start();
    await waitFor(isQueueEmpty, 90_000, () => service.output);
    // The queue is emptied before the list names the new file.
    let lost: readonly string[] = log.acknowledged;
    const isEveryOneListed = async (): Promise<boolean> => {
      const index = OptOutIndex.of((await readLog(url)).map(parseOptOutFile));
      lost = log.acknowledged.filter((name) => index.optedOutAt(Buffer.from(name, 'hex'), 0) === undefined);
      return lost.length === 0;
    };
    await waitFor(isEveryOneListed, 90_000, () => `${lost.length} acknowledged opt-outs are not in the log`);
    await service.stop();

    const sent = new Set(log.sent);
    const contents = new Map<string, string>();
    for (const path of await readdir(join(folder, 'bucket'), { recursive: true })) {
      if (parseOptOutFileName(path) === undefined) continue;
      const bytes = await readFile(join(folder, 'bucket', path));
      expect(optOutRecordCount(bytes)).toBeGreaterThan(0);
      if (path.includes('partition')) continue;
      for (const { identityHash, rawUid, optedOutAt } of decodeDeltaFile(bytes).records) {
        const name = toHex(identityHash);
        expect(sent).toContain(name);
        const content = `${toHex(rawUid)} ${optedOutAt}`;
        expect(contents.get(name) ?? content).toBe(content);
        contents.set(name, content);
      }
    }
    expect(contents.size).toBeGreaterThanOrEqual(log.acknowledged.length);
  });
});
