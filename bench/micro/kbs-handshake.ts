import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createSimulatedPlatform, generateSimulatedPlatformKeys } from '@holdfast/attestation';
import { createLogger } from '@holdfast/process';
import { buildApp, openContext, parseConfig } from '@holdfast/trustee';
import type { TrusteeContext } from '@holdfast/trustee';

import { describeMachine } from '../src/machine.ts';
import { rounded } from '../src/report.ts';
import { median, quantile } from '../src/statistics.ts';
import { KbsGuest } from './kbs-guest.ts';
import { roundsFromArguments, sink, summariseTimes } from './measure.ts';

/**
 * Handshakes of guests on SEV-SNP with a key broker, from the request for a challenge to the token, beside the one check of
 * a P-384 signature that each cannot do without. At least a third of the rate of the bare check is the goal. Requests go
 * through the whole service but no socket; what the guest does for its evidence is not counted. Times are processor time of
 * this process, and the variants take turns in short batches: both keep a busy machine out of the quotient.
 */
const HANDSHAKES = 25;
const VERIFICATIONS = 50;
/** Batches per round, so that one round has something to take the median of. */
const BATCHES = 4;
const WARMUP_BATCHES = 24;

const platform = createSimulatedPlatform({
  random: (length) => new Uint8Array(randomBytes(length)),
  now: Date.now,
  keys: await generateSimulatedPlatformKeys(),
});
const guest = new KbsGuest(platform);
const app = buildApp(await openBroker());

const keys = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const signed = platform.attester
  .report({ reportData: new Uint8Array(64), hostData: new Uint8Array(32) })
  .subarray(0, 672);
const signature = sign('sha384', signed, { key: keys.privateKey, dsaEncoding: 'ieee-p1363' });
const publicKey = { key: keys.publicKey, dsaEncoding: 'ieee-p1363' as const };

const bare: number[] = [];
const handshakes: number[] = [];
for (let batch = -WARMUP_BATCHES; batch < roundsFromArguments() * BATCHES; batch += 1) {
  // Whoever goes first changes from batch to batch.
  const first = batch % 2 === 0 ? bareTime() : undefined;
  const handshake = await handshakeTime();
  const verification = first ?? bareTime();
  if (batch < 0) continue;
  bare.push(verification);
  handshakes.push(handshake);
}
const quotients = bare.map((time, batch) => time / (handshakes[batch] ?? Number.NaN));
const report = {
  benchmark: 'kbs-handshake',
  clock: 'processor time',
  results: [
    summariseTimes({ name: 'bare P-384 verification', items: 1 }, VERIFICATIONS, bare),
    summariseTimes({ name: 'handshake with SNP evidence', items: 1 }, HANDSHAKES, handshakes),
  ],
  toBare: [
    {
      name: 'handshake with SNP evidence',
      ofMedians: rounded(median(bare) / median(handshakes), 3),
      lowerQuartile: rounded(quantile(quotients, 0.25), 3),
      upperQuartile: rounded(quantile(quotients, 0.75), 3),
    },
  ],
  machine: describeMachine(),
};
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);

/** Microseconds of processor time per verification. */
function bareTime(): number {
  const before = process.cpuUsage();
  for (let call = 0; call < VERIFICATIONS; call += 1) sink.last = verify('sha384', signed, publicKey, signature);
  return microsecondsSince(before) / VERIFICATIONS;
}

/** Microseconds of processor time per handshake, without what the guest does between challenge and attestation. */
async function handshakeTime(): Promise<number> {
  const beforeAuth = process.cpuUsage();
  const challenges: (readonly [cookie: string, nonce: string])[] = [];
  for (let call = 0; call < HANDSHAKES; call += 1) challenges.push(await challenge());
  const authTime = microsecondsSince(beforeAuth);
  const attestations = challenges.map(([cookie, nonce]) => [cookie, guest.attestation(nonce)] as const);
  const beforeAttest = process.cpuUsage();
  for (const [cookie, payload] of attestations) sink.last = await attest(cookie, payload);
  return (authTime + microsecondsSince(beforeAttest)) / HANDSHAKES;
}

async function challenge(): Promise<readonly [cookie: string, nonce: string]> {
  const payload = '{"version":"0.4.0","tee":"snp","extra-params":{"supported-hash-algorithms":["sha384"]}}';
  const answer = await app.inject({ method: 'POST', url: '/kbs/v0/auth', payload });
  const [cookie = ''] = String(answer.headers['set-cookie']).split(';', 1);
  return [cookie, answer.json<{ readonly nonce: string }>().nonce];
}

async function attest(cookie: string, payload: string): Promise<string> {
  const answer = await app.inject({ method: 'POST', url: '/kbs/v0/attest', payload, headers: { cookie } });
  if (answer.statusCode !== 200) throw new Error(`the handshake failed: ${answer.body}`);
  return answer.body;
}

function microsecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** A broker that trusts the simulated platform, keeps everything in memory, and knows the guest's reference values. */
async function openBroker(): Promise<TrusteeContext> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  try {
    const root = join(folder, 'root.pem');
    writeFileSync(root, platform.rootPem);
    const settings = {
      http_server: { insecure_http: true },
      admin: { authorization_mode: 'DenyAll' },
      attestation_token: { insecure_header_jwk: true },
      holdfast: { environment: 'test', insecure: true, simulated_root_file: root },
    };
    const config = parseConfig(JSON.stringify(settings), 'settings of the benchmark');
    const logger = createLogger({ name: 'trustee', level: 'fatal' });
    const client = { send: () => Promise.reject(new Error('a benchmark needs no network')) };
    const context = await openContext({ config, logger, client, clock: Date.now });
    const payload = Buffer.from(JSON.stringify(guest.referenceValues())).toString('base64');
    await context.references.register({ version: '0.1.0', type: 'sample', payload });
    return context;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
