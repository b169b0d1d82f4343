// Loaded into Bun before the operator by tools/test-bun.ts: stands in for what Bun lacks of Node, so that the tests show what
// else fails. Plain JavaScript that only Bun runs.
import { mock } from 'bun:test';
import crypto from 'node:crypto';

const { constants, privateDecrypt } = crypto;

/** Bun refuses RSAES-PKCS1-v1_5 (RFC 8017, section 7.2), with which Core encrypts attestation tokens. */
function privateDecryptWithPkcs1(key, bytes) {
  if (key.padding !== constants.RSA_PKCS1_PADDING) return privateDecrypt(key, bytes);
  const padded = privateDecrypt({ key: key.key, padding: constants.RSA_NO_PADDING }, bytes);
  return padded.subarray(padded.indexOf(0, 2) + 1);
}

const extended = { ...crypto, privateDecrypt: privateDecryptWithPkcs1 };
mock.module('node:crypto', () => ({ ...extended, default: extended }));

// Bun does not read NODE_OPTIONS, so the preload that gives a pod its own loopback address does not run: the operator is told instead.
const { address } = JSON.parse(process.env['HOLDFAST_POD_NETWORK'] ?? '{}');
if (address !== undefined) {
  process.env['http_host'] ??= address;
  process.env['attestation_sidecar_url'] ??= `http://${address}:9000`;
}
