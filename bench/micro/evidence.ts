import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';

import {
  createSimulatedPlatform,
  generateSimulatedPlatformKeys,
  SnpChainCache,
  thimCertificateBundle,
  thimTcb,
  verifySnpEvidence,
  verifyUvmEndorsement,
} from '@holdfast/attestation';

import { describeMachine } from '../src/machine.ts';
import { rounded } from '../src/report.ts';
import { median, quantile } from '../src/statistics.ts';
import { roundsFromArguments, sink, summariseTimes } from './measure.ts';
import type { Operation } from './measure.ts';

/**
 * Verification of SNP evidence beside the one signature check it cannot do without. With its chain cached it should reach
 * at least 0.85 of the rate of the bare check. Keys have the sizes of real ones. Times are processor time of this process,
 * and the variants take turns in short batches: both keep a busy machine out of the quotient, though not out of the times.
 */
const now = (): number => Date.UTC(2026, 0, 1);
const keys = await generateSimulatedPlatformKeys();
const platform = createSimulatedPlatform({ random: (length) => randomBytes(length), now, keys });
const reportData = new Uint8Array(64).fill(1);
const hostData = new Uint8Array(32).fill(2);
const thim = platform.thimCertificates();
const evidence = {
  report: platform.attester.report({ reportData, hostData }),
  certificates: thimCertificateBundle(thim),
  roots: [platform.trustedRoot],
  now,
  options: { reportData, hostData, measurement: platform.measurement, thimTcb: thimTcb(thim) },
};
const endorsement = platform.uvmEndorsement();
const uvm = { trustedIssuers: [platform.uvmTrust], now, measurement: platform.measurement };

const bare = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const signed = evidence.report.subarray(0, 672);
const signature = sign('sha384', signed, { key: bare.privateKey, dsaEncoding: 'ieee-p1363' });
const publicKey = { key: bare.publicKey, dsaEncoding: 'ieee-p1363' as const };
const chainCache = new SnpChainCache();

/** Batches per round, so that one round has something to take the median of. */
const BATCHES = 4;
const BATCH_US = 25_000;
const WARMUP_BATCHES = 8;

const operations: readonly Operation[] = [
  { name: 'bare P-384 verification', items: 1, run: () => verify('sha384', signed, publicKey, signature) },
  { name: 'evidence, chain cached', items: 1, run: () => verifySnpEvidence({ ...evidence, chainCache }) },
  { name: 'evidence, nothing cached', items: 1, run: () => verifySnpEvidence(evidence) },
  { name: 'utility VM endorsement', items: 1, run: () => verifyUvmEndorsement(endorsement, uvm) },
];
const timings = operations.map((operation) => ({
  operation,
  calls: Math.max(1, Math.round(BATCH_US / processorTime(operation, 10))),
  times: [] as number[],
}));
for (let batch = -WARMUP_BATCHES; batch < roundsFromArguments() * BATCHES; batch += 1) {
  // Whoever goes first changes from batch to batch.
  for (const { operation, calls, times } of batch % 2 === 0 ? timings : timings.toReversed()) {
    const microseconds = processorTime(operation, calls);
    if (batch >= 0) times.push(microseconds);
  }
}
const results = timings.map(({ operation, calls, times }) => summariseTimes(operation, calls, times));
const toBare = timings.map(({ operation: { name }, times }) => ratio(name, timings[0]?.times ?? [], times));
const report = { benchmark: 'evidence', clock: 'processor time', results, toBare, machine: describeMachine() };
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);

/** Microseconds of processor time per call. */
function processorTime({ run }: Operation, calls: number): number {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) sink.last = run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

/** The rate of an operation as a share of the bare one's: of the medians, and with quartiles of the quotients by batch. */
function ratio(
  name: string,
  bareTimes: readonly number[],
  times: readonly number[],
): Readonly<Record<string, unknown>> {
  const quotients = times.map((time, batch) => (bareTimes[batch] ?? Number.NaN) / time);
  return {
    name,
    ofMedians: rounded(median(bareTimes) / median(times), 3),
    lowerQuartile: rounded(quantile(quotients, 0.25), 3),
    upperQuartile: rounded(quantile(quotients, 0.75), 3),
  };
}
