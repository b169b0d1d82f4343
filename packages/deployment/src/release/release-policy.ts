import { InternalError } from '@holdfast/base';
import { generateCce, measureCceText } from '@holdfast/policy';
import type { ImageFactsSource } from '@holdfast/policy';

import { filledVariables } from '../bundle/policy-verifier.ts';
import { releaseManifest } from './release-manifest.ts';
import type { ReleaseImages } from './release-manifest.ts';

/** The policy of a release. */
export interface ReleasePolicy {
  readonly text: string;
  readonly base64: string;
  /** SHA-256 in hexadecimal: what the enclave is registered under. */
  readonly sha256: string;
  readonly warnings: readonly string[];
}

/**
 * The policy of a release, made from its manifest: exact but for the three variables that whoever deploys it fills in, of which any
 * value that is not empty is admitted. As in the published policy for AKS, variables that no rule admits are dropped.
 * @throws whatever `images` rejects with, and the errors of `generateCce`
 */
export async function releasePolicy(
  images: ReleaseImages,
  version: string,
  facts: ImageFactsSource,
): Promise<ReleasePolicy> {
  const [made] = await generateCce({ kind: 'virtual-node', manifests: releaseManifest(images, version) }, facts, {
    flags: { allow_environment_variable_dropping: true },
  });
  if (made === undefined) throw new InternalError('RELEASE_POLICY_MISSING', 'one manifest makes one policy');
  const text = openVariables(made.text);
  const { base64, sha256 } = measureCceText(text);
  return { text, base64, sha256, warnings: made.warnings.map(({ message }) => message) };
}

/** Replaces the rules that admit a placeholder only by rules that admit every value. */
function openVariables(text: string): string {
  let opened = text;
  for (const name of filledVariables) {
    const rule = new RegExp(`\\{[^{}]*"${name}=${name}_PLACEHOLDER"[^{}]*\\}`, 'g');
    const found = opened.match(rule) ?? [];
    const [only] = found;
    if (only === undefined || found.length > 1) {
      throw new InternalError(
        'RELEASE_POLICY_MISSING',
        `the policy has ${found.length} rules for ${name} instead of one`,
      );
    }
    const members = JSON.parse(only) as Readonly<Record<string, unknown>>;
    // The order of members is that of the generator, which is part of what is measured.
    const wide = Object.fromEntries(
      Object.entries(members).map(([member, value]) => [
        member,
        member === 'pattern' ? `${name}=.+` : member === 'strategy' ? 're2' : value,
      ]),
    );
    opened = opened.replace(only, () => JSON.stringify(wide));
  }
  return opened;
}
