import { createHmac, timingSafeEqual } from 'node:crypto';

import { VerificationError } from '@holdfast/base';
import type { Clock, Secret } from '@holdfast/base';

/** Sets these signatures apart from any other use of the same key. */
const PURPOSE = 'holdfast object link 1';

export interface LinkSigner {
  /** `<base URL>/objects/<path>?expires=<epoch seconds>&signature=<URL-safe Base64>`; slashes of the path stay slashes. */
  sign(path: string, ttlSeconds: number): string;
  /**
   * @throws VerificationError LINK_INVALID
   * @throws VerificationError LINK_EXPIRED
   */
  verify(path: string, query: URLSearchParams): void;
}

export interface LinkSignerOptions {
  /** Where the links lead, with or without a trailing slash. */
  readonly baseUrl: string;
  readonly key: Secret<Uint8Array>;
  readonly clock: Clock;
}

/** Links that carry their own permission: HMAC-SHA-256 (RFC 2104) over method, path and expiry. */
export function createLinkSigner(options: LinkSignerOptions): LinkSigner {
  const base = options.baseUrl.replace(/\/+$/, '');
  const signature = (path: string, expires: string): Buffer =>
    createHmac('sha256', options.key.reveal()).update(`${PURPOSE}\nGET\n${expires}\n${path}`).digest();

  return {
    sign(path, ttlSeconds) {
      const expires = String(Math.floor(options.clock() / 1000) + ttlSeconds);
      const url = path.split('/').map(encodeURIComponent).join('/');
      return `${base}/objects/${url}?expires=${expires}&signature=${signature(path, expires).toString('base64url')}`;
    },
    verify(path, query) {
      const expires = query.get('expires') ?? '';
      const given = Buffer.from(query.get('signature') ?? '', 'base64url');
      const wanted = signature(path, expires);
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted) || !/^\d{1,15}$/.test(expires)) {
        throw new VerificationError(
          'LINK_INVALID',
          'the signature of the link is missing or not valid for this object',
        );
      }
      if (options.clock() >= Number(expires) * 1000) {
        throw new VerificationError('LINK_EXPIRED', 'the link has expired', { details: { expires: Number(expires) } });
      }
    },
  };
}
