import { RequestError } from '@holdfast/base';

import type { JsonObject } from '../manifests/json-value.ts';
import { infrastructureFragment } from './data/infrastructure.ts';
import { requiredText, textList } from './input-values.ts';
import type { FragmentImport } from './policy-model.ts';

export interface ImportOptions {
  /** Imports beside the platform's own; members other than the four that are emitted are dropped. */
  readonly fragments?: readonly JsonObject[] | undefined;
  readonly excludeDefaultFragments?: boolean | undefined;
  /** `minimum_svn` of the infrastructure fragment. */
  readonly infrastructureSvn?: string | undefined;
  /**
   * Give the number to the first import, whichever it is, as the reference generator did when there were imports of the
   * user's.
   */
  readonly compatible: boolean;
}

/**
 * The imports of a policy, the infrastructure fragment first.
 * @throws RequestError CCE_OPTION_INVALID
 * @throws MalformedError CCE_INPUT_INVALID
 */
export function fragmentImports(options: ImportOptions): FragmentImport[] {
  const { infrastructureSvn: svn, compatible } = options;
  const own = (options.fragments ?? []).map((fragment) => fragmentImport(fragment));
  const platform = options.excludeDefaultFragments === true ? [] : [infrastructureFragment];
  const imports = compatible ? [...own, ...platform] : [...platform, ...own];
  if (svn === undefined) return imports;
  if (!isDecimal(svn)) {
    throw new RequestError(
      'CCE_OPTION_INVALID',
      'the security version of the infrastructure fragment is not a decimal number',
    );
  }
  return imports.map((found, index) => {
    const meant = compatible ? index === 0 : found.feed === infrastructureFragment.feed;
    return meant ? { ...found, minimum_svn: svn } : found;
  });
}

function fragmentImport(fragment: JsonObject): FragmentImport {
  const feed = requiredText(fragment['feed'], 'the feed of a fragment');
  const minimum = requiredText(fragment['minimum_svn'], `minimum_svn of the fragment ${feed}`);
  if (!isDecimal(minimum)) {
    throw new RequestError('CCE_OPTION_INVALID', `minimum_svn of the fragment ${feed} is not a decimal number`);
  }
  return {
    feed,
    issuer: requiredText(fragment['issuer'], `the issuer of the fragment ${feed}`),
    minimum_svn: minimum,
    includes: textList(fragment['includes'], `includes of the fragment ${feed}`),
  };
}

/** Whether a security version is a plain decimal number. */
export function isDecimal(svn: string): boolean {
  return /^[0-9]{1,18}$/.test(svn);
}
