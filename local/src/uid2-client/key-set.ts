import { MalformedError, VerificationError } from '@holdfast/base';
import { decodeAdvertisingToken, decodeLenientBase64, prepareSecret } from '@holdfast/uid2';
import type { TokenKey, TokenKeySource } from '@holdfast/uid2';
import { z } from 'zod';

const bodySchema = z.object({
  caller_site_id: z.int().optional(),
  identity_scope: z.string().optional(),
  allow_clock_skew_seconds: z.number().optional(),
  keys: z.array(
    z.object({ id: z.int(), keyset_id: z.int().optional(), secret: z.string(), activates: z.int(), expires: z.int() }),
  ),
});

/** What a token turned out to be. Times are milliseconds since the epoch. */
export interface DecryptedToken {
  readonly rawUid: string;
  readonly siteId: number;
  readonly identityType: string;
  readonly identityScope: string;
  readonly tokenVersion: number;
  readonly createdMs: number;
  readonly establishedMs: number;
  readonly expiresMs: number;
}

/** The keys a client got from `/v2/key/sharing`, and the decryption of tokens with them. */
export class ClientKeySet implements TokenKeySource {
  readonly callerSiteId: number | undefined;
  readonly #keys: ReadonlyMap<number, TokenKey>;

  private constructor(callerSiteId: number | undefined, keys: ReadonlyMap<number, TokenKey>) {
    this.callerSiteId = callerSiteId;
    this.#keys = keys;
  }

  /** @throws MalformedError UID2_ANSWER_MALFORMED when the body is not what the endpoint answers */
  static fromBody(body: unknown): ClientKeySet {
    const parsed = bodySchema.safeParse(body);
    if (!parsed.success) throw malformed('it has other members');
    const keys = new Map<number, TokenKey>();
    for (const { id, secret } of parsed.data.keys) {
      const bytes = decodeLenientBase64(secret);
      if (bytes === undefined) throw malformed(`key ${id} is not Base64`);
      keys.set(id, { id, secret: prepareSecret(bytes) });
    }
    return new ClientKeySet(parsed.data.caller_site_id, keys);
  }

  get size(): number {
    return this.#keys.size;
  }

  keyById(id: number): TokenKey | undefined {
    return this.#keys.get(id);
  }

  /**
   * Decrypts an advertising token and checks that it has not expired at `nowMs`.
   * @throws VerificationError ADVERTISING_TOKEN_INVALID when it is no token that these keys open
   * @throws VerificationError ADVERTISING_TOKEN_EXPIRED
   */
  decrypt(token: string, nowMs: number): DecryptedToken {
    const decoded = decodeAdvertisingToken(token, this);
    if (decoded.expiresMs <= nowMs) {
      throw new VerificationError(
        'ADVERTISING_TOKEN_EXPIRED',
        `the token expired at ${new Date(decoded.expiresMs).toISOString()}`,
        { action: 'Refresh the token, or generate a new one.' },
      );
    }
    return {
      rawUid: Buffer.from(decoded.rawUid).toString('base64'),
      siteId: decoded.siteId,
      identityType: decoded.type,
      identityScope: decoded.scope,
      tokenVersion: decoded.version,
      createdMs: decoded.createdMs,
      establishedMs: decoded.establishedMs,
      expiresMs: decoded.expiresMs,
    };
  }
}

function malformed(reason: string): MalformedError {
  return new MalformedError('UID2_ANSWER_MALFORMED', `the operator's key list cannot be read: ${reason}`, {
    action: 'Check that the address belongs to a UID2 operator.',
  });
}
