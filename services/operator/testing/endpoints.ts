import { toBase64 } from '@holdfast/base';

/** Every enveloped endpoint with a payload it likes. */
export const ENVELOPED_ENDPOINTS: readonly (readonly [path: string, payload: unknown])[] = [
  ['/v2/token/generate', { email: 'user@example.com', tcf_consent_string: 'CP', optout_check: 1 }],
  ['/v2/token/validate', { token: 'A4AAAABl', email_hash: toBase64(new Uint8Array(32)) }],
  ['/v2/token/logout', { phone: '+12345678901', clientIp: '127.0.0.1' }],
  ['/v2/identity/map', { email: ['user@example.com', 'x'], link_id: 'a' }],
  ['/v2/identity/map', { phone_hash: ['', 'ab'.repeat(32)] }],
  ['/v3/identity/map', { email: ['user@example.com'], phone: ['+12345678901', 1], email_hash: [] }],
  ['/v2/identity/buckets', { since_timestamp: '2021-03-08T00:00:00.123' }],
  ['/v2/optout/status', { advertising_ids: [toBase64(new Uint8Array(32)), 'x'] }],
  ['/v2/key/latest', {}],
  ['/v2/key/sharing', {}],
  ['/v2/key/bidstream', {}],
];

/** The status words of the UID2 operator reference by HTTP status, for answers that are no success. */
export const STATUS_WORDS: Readonly<Record<number, readonly string[]>> = {
  400: ['client_error', 'invalid_token', 'expired_token', 'error'],
  401: ['unauthorized', 'invalid_client'],
  403: ['invalid_http_origin', 'invalid_app_name'],
  500: ['unknown', 'error'],
};
