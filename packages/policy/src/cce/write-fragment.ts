import { RequestError } from '@holdfast/base';

import type { CceGeneration } from './data/generations.ts';
import { reservedNamespaces } from './data/infrastructure.ts';
import { isDecimal } from './fragment-imports.ts';
import type { CceContainer, FragmentImport } from './policy-model.ts';
import { pythonJson } from './python-json.ts';
import type { ContainersFormat } from './write-policy.ts';

export interface FragmentParts {
  /** The Rego package under which the guest loads the fragment. */
  readonly namespace: string;
  /** Security version, decimal. */
  readonly svn: string;
  readonly generation: CceGeneration;
  readonly fragments: readonly FragmentImport[];
  /** Without the pause container. */
  readonly containers: readonly CceContainer[];
}

/**
 * The text of a policy fragment, to be signed as COSE_Sign1 by whoever holds the key.
 * @throws RequestError CCE_NAMESPACE_INVALID, CCE_OPTION_INVALID
 */
export function writeFragment(parts: FragmentParts, format: ContainersFormat = 'compact'): string {
  requireFragmentNamespace(parts.namespace);
  if (!isDecimal(parts.svn))
    throw new RequestError('CCE_OPTION_INVALID', 'the security version is not a decimal number');
  return [
    `package ${parts.namespace}`,
    `svn := ${pythonJson(parts.svn)}\nframework_version := "${parts.generation.frameworkVersion}"`,
    `fragments := ${pythonJson(parts.fragments, { pretty: true })}`,
    `containers := ${pythonJson(parts.containers, { pretty: format === 'pretty' })}`,
  ].join('\n\n');
}

/**
 * Checks the name of a fragment's package: letters, digits and underscores, no digit first, not reserved.
 * @throws RequestError CCE_NAMESPACE_INVALID
 */
export function requireFragmentNamespace(namespace: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(namespace) || reservedNamespaces.has(namespace)) {
    throw new RequestError(
      'CCE_NAMESPACE_INVALID',
      `${JSON.stringify(namespace.slice(0, 80))} cannot be the namespace of a fragment`,
    );
  }
}
