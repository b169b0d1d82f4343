/**
 * What the holder of an API key or operator key may do, in the order of the reference enumeration: role sets are sorted
 * by it before they are written.
 */
export const ROLES = [
  'GENERATOR',
  'MAPPER',
  'ID_READER',
  'SHARER',
  'OPERATOR',
  'OPTOUT',
  'OPTOUT_SERVICE',
  'CLIENTKEY_ISSUER',
  'OPERATOR_MANAGER',
  'SECRET_MANAGER',
  'ADMINISTRATOR',
  'SHARING_PORTAL',
  'PRIVATE_SITE_REFRESHER',
  'MAINTAINER',
  'PRIVILEGED',
  'SUPER_USER',
  'SECRET_ROTATION',
  'PRIVATE_OPERATOR_SYNC',
  'METRICS_EXPORT',
  'ENCLAVE_REGISTRAR',
  'ADMIN_READ_ONLY',
  'ADMIN_CREATE',
  'UNKNOWN',
] as const;

export type Role = (typeof ROLES)[number];

const KNOWN: ReadonlySet<string> = new Set(ROLES);

/** The role of a name in any case; a name nobody knows is `UNKNOWN`, which opens nothing. */
export function roleOf(name: string): Role {
  return exactRole(name.toUpperCase()) ?? 'UNKNOWN';
}

/** The role of exactly this name, or undefined. */
export function exactRole(name: string): Role | undefined {
  return KNOWN.has(name) ? (name as Role) : undefined;
}

/** The roles without duplicates, in enumeration order. */
export function sortRoles(roles: Iterable<Role>): readonly Role[] {
  const set = new Set(roles);
  return ROLES.filter((role) => set.has(role));
}
