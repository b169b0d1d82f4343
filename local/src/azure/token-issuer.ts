import { createHash, createPrivateKey, createPublicKey, generateKeyPair, randomUUID, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { errorMessage, MalformedError, toBase64Url, toUtf8, VerificationError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';

import { parseCompactJwt } from './jwt.ts';

export interface TokenIssuerOptions {
  /** Holds the signing key, `token-signing-key.pem` at mode 0600, made at first use. */
  readonly folder: string;
  readonly tenantId: string;
  /** https URL of the Entra endpoints without the tenant; a function where the port is known only later. */
  readonly authorityUrl: string | (() => string);
  readonly clock: Clock;
}

export interface AccessTokenRequest {
  /** The audience, for example `https://vault.azure.net`. */
  readonly resource: string;
  readonly clientId: string;
  /** Object id of the service principal. */
  readonly objectId: string;
  readonly lifeSeconds: number;
  /** How the client proved itself: 1 secret, 2 certificate, assertion or managed identity. */
  readonly clientAuthentication: '1' | '2';
  /** Resource id of a managed identity (claim `xms_mirid`). */
  readonly managedIdentityResourceId?: string;
}

/** Times are seconds since the Unix epoch. */
export interface IssuedAccessToken {
  readonly accessToken: string;
  readonly notBefore: number;
  readonly expiresOn: number;
}

export interface AccessTokenClaims {
  readonly audience: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly objectId: string;
  readonly tenantId: string;
  readonly expiresOn: number;
}

/** Signs and checks the access tokens of one tenant (Microsoft identity platform, version 1 access tokens). */
export interface TokenIssuer {
  readonly tenantId: string;
  /** Without a trailing slash. */
  readonly authorityUrl: string;
  issueAccessToken(request: AccessTokenRequest): IssuedAccessToken;
  /**
   * The claims of a token that this issuer signed for one of `audiences` and that is valid now.
   * @throws MalformedError ACCESS_TOKEN_MALFORMED
   * @throws VerificationError ACCESS_TOKEN_INVALID; `details.problem` is algorithm, signature, issuer, audience, time or claims
   */
  verifyAccessToken(token: string, audiences: readonly string[]): AccessTokenClaims;
  /** The JWK set (RFC 7517) of `discovery/v2.0/keys`. */
  jwks(): { readonly keys: readonly Readonly<Record<string, string>>[] };
}

const SKEW_SECONDS = 300;

/**
 * Opens the issuer of a tenant; its signing key is RSA-2048 and stays the same between starts.
 * @throws MalformedError LOCAL_TOKEN_KEY_UNREADABLE
 */
export async function openTokenIssuer(options: TokenIssuerOptions): Promise<TokenIssuer> {
  const privateKey = await openSigningKey(options.folder);
  const publicKey = createPublicKey(privateKey);
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  // RFC 7638: members in alphabetical order, no white space.
  const keyId = createHash('sha256')
    .update(JSON.stringify({ e, kty: 'RSA', n }))
    .digest('base64url');
  const { tenantId, clock } = options;
  const issuer = `https://sts.windows.net/${tenantId}/`;
  const header = encodePart({ typ: 'JWT', alg: 'RS256', x5t: keyId, kid: keyId });

  return {
    tenantId,
    get authorityUrl() {
      const url = typeof options.authorityUrl === 'string' ? options.authorityUrl : options.authorityUrl();
      return url.replace(/\/+$/, '');
    },
    issueAccessToken(request) {
      const notBefore = Math.floor(clock() / 1000);
      const expiresOn = notBefore + request.lifeSeconds;
      const payload = encodePart({
        aud: request.resource,
        iss: issuer,
        iat: notBefore,
        nbf: notBefore,
        exp: expiresOn,
        appid: request.clientId,
        appidacr: request.clientAuthentication,
        idp: issuer,
        idtyp: 'app',
        oid: request.objectId,
        sub: request.objectId,
        tid: tenantId,
        uti: toBase64Url(createHash('sha256').update(randomUUID()).digest().subarray(0, 16)),
        ver: '1.0',
        ...(request.managedIdentityResourceId === undefined ? {} : { xms_mirid: request.managedIdentityResourceId }),
      });
      const signature = sign('sha256', toUtf8(`${header}.${payload}`), privateKey);
      return { accessToken: `${header}.${payload}.${toBase64Url(signature)}`, notBefore, expiresOn };
    },
    verifyAccessToken(token, audiences) {
      const jwt = parseCompactJwt(token);
      if (jwt.header['alg'] !== 'RS256') throw refused('algorithm', 'the token is not signed with RS256');
      if (!verify('sha256', toUtf8(jwt.signingInput), publicKey, jwt.signature)) {
        throw refused('signature', 'the signature of the token is not by this tenant');
      }
      const { iss, aud, exp, nbf, appid, oid, tid } = jwt.payload;
      if (iss !== issuer || tid !== tenantId) throw refused('issuer', `the token is not issued by ${issuer}`);
      if (typeof aud !== 'string' || !audiences.includes(aud)) {
        throw refused('audience', `the token is for ${String(aud)}, expected ${audiences.join(' or ')}`);
      }
      const now = clock() / 1000;
      if (typeof exp !== 'number' || typeof nbf !== 'number' || exp <= now || nbf > now + SKEW_SECONDS) {
        throw refused('time', 'the token is expired or not yet valid');
      }
      if (typeof appid !== 'string' || typeof oid !== 'string')
        throw refused('claims', 'the token names no application');
      return { audience: aud, issuer, clientId: appid, objectId: oid, tenantId, expiresOn: exp };
    },
    jwks: () => ({ keys: [{ kty: 'RSA', use: 'sig', kid: keyId, x5t: keyId, n, e, issuer }] }),
  };
}

async function openSigningKey(folder: string): Promise<KeyObject> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'token-signing-key.pem');
  try {
    const key = createPrivateKey(await readFile(file, 'utf8'));
    if (key.asymmetricKeyType !== 'rsa') throw new TypeError('not an RSA key');
    return key;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new MalformedError(
        'LOCAL_TOKEN_KEY_UNREADABLE',
        `cannot use the token key ${file}: ${errorMessage(cause)}`,
        {
          cause,
          details: { file },
          action: 'Delete the file; the next start makes a new key.',
        },
      );
    }
  }
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  await writeFileAtomic(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return privateKey;
}

function encodePart(value: Readonly<Record<string, unknown>>): string {
  return toBase64Url(toUtf8(JSON.stringify(value)));
}

function refused(problem: string, message: string): VerificationError {
  return new VerificationError('ACCESS_TOKEN_INVALID', message, { details: { problem } });
}
