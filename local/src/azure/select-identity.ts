import type { ManagedIdentity } from './directory.ts';

const MULTIPLE_IDENTITIES =
  'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request';

const PARAMETERS = [
  ['client_id', 'clientId'],
  ['object_id', 'principalId'],
  ['principal_id', 'principalId'],
  ['msi_res_id', 'resourceId'],
  ['mi_res_id', 'resourceId'],
] as const;

/** The identity that the query of a token request asks for, or the text of the refusal. */
export function selectIdentity(
  query: URLSearchParams,
  identities: readonly ManagedIdentity[],
): ManagedIdentity | string {
  const named: [member: 'clientId' | 'principalId' | 'resourceId', value: string][] = [];
  for (const [name, member] of PARAMETERS) {
    const value = query.get(name);
    if (value !== null && value !== '') named.push([member, value.toLowerCase()]);
  }
  const [first] = named;
  if (named.length > 1) return 'Only one of client_id, object_id and msi_res_id may be given';
  if (first !== undefined) {
    const [member, value] = first;
    return identities.find((identity) => identity[member].toLowerCase() === value) ?? 'Identity not found';
  }
  const systemAssigned = identities.find((identity) => identity.kind === 'system-assigned');
  if (systemAssigned !== undefined) return systemAssigned;
  if (identities.length > 1) return MULTIPLE_IDENTITIES;
  return identities[0] ?? 'Identity not found';
}
