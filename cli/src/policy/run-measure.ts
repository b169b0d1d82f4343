import { explainMeasurement, fitInitdataDigest, initdataDigest, knownRules, measureCceText } from '@holdfast/policy';
import type { InitdataPlatform } from '@holdfast/policy';

import type { MeasureFlags } from '../commands/policy.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { findPolicies } from './found-policies.ts';
import type { FoundPolicy } from './found-policies.ts';
import { readInputText } from './input-file.ts';
import { kataDocument } from './predict-kata.ts';
import { painted, say } from './terminal.ts';

interface Measured {
  readonly where: string;
  readonly type: 'cce' | 'kata';
  readonly carrier: string;
  /** What HOST_DATA must be; null when there is no policy. */
  readonly hostData: string | null;
  readonly sha256: string | null;
  readonly sha256Base64: string | null;
  readonly bytes: number;
  readonly rulesSha256?: string;
  readonly rulesOrigin?: string | null;
  readonly initdata?: { readonly algorithm: string; readonly digest: string } & Readonly<
    Record<InitdataPlatform, string>
  >;
}

/** `holdfast policy measure`: what a guest with a policy has as HOST_DATA; exit code 1 when that is not what was expected. */
export async function runMeasure(context: CliContext, flags: MeasureFlags, path: string): Promise<void> {
  const { io } = context;
  const policies = findPolicies(await readInputText(io, path), flags.type);
  const measured = policies.map(measuredPolicy);
  const { expect } = flags;
  const isAsExpected = expect === undefined || measured.some(({ hostData }) => hostData === expect);
  if (!isAsExpected) context.setExitCode(EXIT_FAILED);
  const mismatches = isAsExpected || expect === undefined ? [] : policies.map((policy) => mismatchOf(policy, expect));
  if (flags.json) {
    writeJson(io, {
      version: 1,
      policies: measured,
      ...(expect === undefined ? {} : { expected: expect, ok: isAsExpected, mismatches }),
    });
    return;
  }
  for (const policy of measured) sayMeasured(io, policy);
  if (expect === undefined) return;
  if (isAsExpected) say(io, painted(io, 'ok', 'as expected'));
  for (const mismatch of mismatches) io.stdout.write(`${painted(io, 'error', 'not as expected')}: ${mismatch}\n`);
}

function measuredPolicy(policy: FoundPolicy): Measured {
  const { where, type, carrier, text, hostData = null, initdata } = policy;
  const digest = text === undefined ? undefined : measureCceText(text);
  const base: Measured = {
    where,
    type,
    carrier,
    hostData,
    sha256: digest?.sha256 ?? null,
    sha256Base64: digest?.sha256Base64 ?? null,
    bytes: digest?.sizeBytes ?? 0,
  };
  if (type === 'cce' || text === undefined) return base;
  const rulesSha256 = kataDocument(text)?.rulesSha256 ?? measureCceText(text).sha256;
  const kata = { ...base, rulesSha256, rulesOrigin: knownRules(rulesSha256)?.origin ?? null };
  if (initdata === undefined) return kata;
  const whole = initdataDigest(initdata.document, initdata.algorithm);
  const platforms = (['snp', 'tdx', 'cca', 'se'] as const).map(
    (name) => [name, fitInitdataDigest(whole, name)] as const,
  );
  const fitted = Object.fromEntries(platforms) as Record<InitdataPlatform, string>;
  return { ...kata, initdata: { algorithm: initdata.algorithm, digest: whole, ...fitted } };
}

function mismatchOf({ where, text, hostData, initdata }: FoundPolicy, expected: string): string {
  if (text === undefined) return `${where} carries no policy`;
  if (initdata !== undefined) return `${where}: the initdata document measures ${hostData ?? ''}, not ${expected}`;
  return `${where}: ${explainMeasurement(text, expected)?.message ?? ''}`;
}

function sayMeasured(io: CliIo, policy: Measured): void {
  const { where, type, carrier, hostData, sha256, sha256Base64, bytes, rulesSha256, rulesOrigin, initdata } = policy;
  say(io, `${where}: ${type === 'cce' ? 'CCE' : 'Kata'} policy (${carrier})`);
  if (hostData === null) {
    say(io, '  there is no policy here: nothing is enforced and nothing measured');
    return;
  }
  say(io, `  HOST_DATA must equal ${hostData}`);
  say(io, `  SHA-256 of the policy  ${sha256 ?? ''}`);
  say(io, `  in Base64              ${sha256Base64 ?? ''}`);
  say(io, `  size                   ${bytes} bytes`);
  if (rulesSha256 !== undefined) {
    say(io, `  SHA-256 of its rules   ${rulesSha256} (${rulesOrigin ?? 'of no known release'})`);
  }
  if (initdata === undefined) return;
  say(io, `  initdata ${initdata.algorithm.padEnd(13)} ${initdata.digest}`);
  for (const [platform, name] of PLATFORMS) say(io, `  ${name.padEnd(22)} ${shortened(initdata[platform])}`);
}

const PLATFORMS = [
  ['snp', 'SEV-SNP HOST_DATA'],
  ['tdx', 'TDX MRCONFIGID'],
  ['cca', 'Arm CCA RPV'],
  ['se', 'IBM SE user data'],
] as const;

/** Fields that are mostly zeros need not be shown whole. */
function shortened(hex: string): string {
  const zeros = /0{32,}$/u.exec(hex)?.[0].length ?? 0;
  return zeros === 0 ? hex : `${hex.slice(0, hex.length - zeros)} and ${zeros / 2} zero bytes`;
}
