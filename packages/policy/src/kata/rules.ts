import type { KataProfile } from './policy-data.ts';
import { textSha256 } from './policy-document.ts';

/** A rules file that this release evaluates natively. */
export interface KataRules {
  readonly profile: KataProfile;
  /** Where the file comes from. */
  readonly origin: string;
}

/**
 * Rules files whose meaning is implemented here, by their SHA-256. The files of the two policy tools are not part of this
 * repository; users bring them. The native rules below are accepted by this product's own guest alone.
 */
const known: ReadonlyMap<string, KataRules> = new Map([
  [
    '2ca6c0e9617f97a922724112bd738fd73881d35b9ae5d31d573f0871d1ecf897',
    { profile: 'ms', origin: 'AKS policy tool, tag 3.2.0.azl3.genpolicy4' },
  ],
  [
    'a1ad4280a7d1db83649de18640fb30f08cc160fadd7f4360d1dde09977b090b7',
    { profile: 'upstream', origin: 'Kata Containers 4.1.0' },
  ],
  ...(['ms', 'upstream'] as const).map((profile): [string, KataRules] => [
    textSha256(nativeKataRules(profile)),
    { profile, origin: 'Holdfast native rules' },
  ]),
]);

/** What is known about a rules file by its SHA-256 in hex; undefined for a file that cannot be evaluated natively. */
export function knownRules(sha256: string): KataRules | undefined {
  return known.get(sha256);
}

/**
 * A rules part for the local Kata guest. It holds no rule: it names the profile, and the local guest, which knows its SHA-256,
 * evaluates that profile natively. The agent of a real cluster would find every request undefined and block it, so this is not
 * usable on AKS; there the rules file of the cluster's release goes in its place.
 */
export function nativeKataRules(profile: KataProfile): string {
  return [
    '# Kata agent policy, evaluated natively by the local guest of Holdfast.',
    `# Profile: ${profile}. Version: 1.`,
    '# This part holds no rules. An agent that evaluates Rego blocks every request under it.',
    'package agent_policy',
    '',
    '',
  ].join('\n');
}

/**
 * The answers of a policy that consists of constants alone (`default Name := true`), as allow-all policies do; undefined for any
 * other policy.
 */
export function constantRules(text: string): ReadonlyMap<string, boolean> | undefined {
  const answers = new Map<string, boolean>();
  for (const line of text.split('\n')) {
    const code = line.trim();
    if (code === '' || code.startsWith('#') || code === 'package agent_policy' || /^import [a-z_.]+$/u.test(code))
      continue;
    const [, name, value] = /^default ([A-Za-z]+) ?:?= ?(true|false)$/u.exec(code) ?? [];
    if (name === undefined || answers.has(name)) return undefined;
    answers.set(name, value === 'true');
  }
  return answers.size === 0 ? undefined : answers;
}
