import type { KeyObject } from 'node:crypto';

import { errorMessage, PolicyError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { PatternMatcher } from '@holdfast/policy';
import { jwtVerify } from 'jose';

/** Decides whether a caller may administer a path; answers the role for the audit log. */
export interface Administrators {
  /**
   * @param target path and query, as requested
   * @throws PolicyError TRUSTEE_ADMIN_REFUSED with the text the KBS protocol shows
   */
  authorize(authorization: string | undefined, target: string): Promise<string>;
}

export interface AdminKey {
  readonly key: KeyObject;
  /** Of a key set; one of the algorithms of the key's kind otherwise. */
  readonly algorithm?: string;
}

export interface IdentityProvider {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly keys: readonly AdminKey[];
}

export interface AccessRule {
  readonly role: string;
  /** RE2, anchored: begins with `^/kbs` and ends with `$`. */
  readonly allowedEndpoints: string;
}

export const allowEveryone: Administrators = { authorize: async () => 'anyone' };

export const denyEveryone: Administrators = {
  authorize: () =>
    Promise.reject(refused('Admin access denied: Admin access denied as DenyAll authorization_mode is enabled')),
};

/** Administrators by signed bearer token and a list of paths per role. */
export function createAdministrators(
  providers: readonly IdentityProvider[],
  rules: readonly AccessRule[],
  clock: Clock,
): Administrators {
  const patterns = new PatternMatcher();
  return {
    authorize: async (authorization, target) => {
      const token = /^bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1];
      if (token === undefined) throw refused('Failed to parse HTTP Auth Bearer header');
      const role = await roleOf(token, providers, clock);
      patterns.renewBudget();
      const allowed = rules.some((rule) => rule.role === role && patterns.find(rule.allowedEndpoints, target) === true);
      if (!allowed) throw refused(`Admin access denied: Role ${role} not allowed for path ${target}`);
      return role;
    },
  };
}

async function roleOf(token: string, providers: readonly IdentityProvider[], clock: Clock): Promise<string> {
  const reasons: string[] = [];
  for (const provider of providers) {
    for (const key of provider.keys) {
      const outcome = await verifyWith(token, provider, key, clock);
      if ('reason' in outcome) {
        reasons.push(outcome.reason);
        continue;
      }
      if (typeof outcome.role === 'string') return outcome.role;
      throw refused(
        'Admin access denied: Failed to parse claims from token: AdminAccessDenied { reason: "Missing required `role` claim in JWT" }',
      );
    }
  }
  throw refused('Admin access denied: Cannot verify token with any of the issuers', reasons.join('; '));
}

async function verifyWith(
  token: string,
  { issuer, audience }: IdentityProvider,
  { key, algorithm }: AdminKey,
  clock: Clock,
): Promise<{ readonly role: unknown } | { readonly reason: string }> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: algorithm === undefined ? [...algorithmsOf(key)] : [algorithm],
      requiredClaims: ['exp'],
      clockTolerance: 60,
      currentDate: new Date(clock()),
      ...(issuer === undefined ? {} : { issuer }),
      ...(audience === undefined ? {} : { audience }),
    });
    return { role: payload['role'] };
  } catch (error) {
    return { reason: errorMessage(error) };
  }
}

function algorithmsOf(key: KeyObject): readonly string[] {
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    case 'ec':
      return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? ['ES384'] : ['ES256'];
    case 'rsa':
      return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    default:
      return [];
  }
}

function refused(reason: string, cause?: unknown): PolicyError {
  return new PolicyError('TRUSTEE_ADMIN_REFUSED', reason, { cause });
}
