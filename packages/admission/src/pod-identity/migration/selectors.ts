import { identityTypes } from '../resources.ts';
import type { AzureIdentity, AzureIdentityBinding } from '../resources.ts';

export interface SelectorIdentities {
  /** The identity that each label value stands for. */
  readonly identities: ReadonlyMap<string, AzureIdentity>;
  /** Sentences about bindings that are left out. */
  readonly notes: readonly string[];
}

/**
 * Which identity each label value of one namespace stands for: managed identities only, since nothing else takes a federated
 * credential by itself, and of several bindings with one selector the first that leads to one.
 */
export function selectorIdentities(
  bindings: readonly AzureIdentityBinding[],
  identities: readonly AzureIdentity[],
): SelectorIdentities {
  const known = new Map(identities.map((identity) => [identity.name, identity]));
  const found = new Map<string, AzureIdentity>();
  const notes: string[] = [];
  for (const { name, selector, azureIdentity } of bindings) {
    const identity = known.get(azureIdentity);
    const problem = problemOf(selector, azureIdentity, identity);
    if (problem !== undefined || identity === undefined) {
      notes.push(`AzureIdentityBinding ${name}: ${problem ?? 'skipped'}`);
      continue;
    }
    const before = found.get(selector);
    if (before === undefined) found.set(selector, identity);
    else
      notes.push(`AzureIdentityBinding ${name}: selector ${selector} is taken, it means AzureIdentity ${before.name}`);
  }
  return { identities: found, notes };
}

function problemOf(selector: string, name: string, identity: AzureIdentity | undefined): string | undefined {
  if (selector === '') return 'it has no selector, so it selects nothing here';
  if (name === '') return 'it names no AzureIdentity';
  if (identity === undefined) return `there is no AzureIdentity ${name} in its namespace`;
  if (identity.type === identityTypes.managedIdentity) return undefined;
  return `AzureIdentity ${name} is a service principal (type ${identity.type}); add the federated credential to its app registration by hand`;
}
