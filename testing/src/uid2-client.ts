import { randomBytes } from 'node:crypto';

import { Secret } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { Uid2Client } from '@holdfast/local/uid2-client';

export interface ClientCredentials {
  readonly apiKey: string;
  /** Base64. */
  readonly secret: string;
}

/** A client of one operator. */
export function uid2ClientOf(
  operatorUrl: string,
  { apiKey, secret }: ClientCredentials,
  clock: Clock = Date.now,
): Uid2Client {
  return new Uid2Client({
    operatorUrl,
    apiKey: new Secret(apiKey),
    clientSecret: new Secret(secret),
    clock,
    randomBytes,
  });
}
