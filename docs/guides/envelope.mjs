#!/usr/bin/env node
// Seals a UID2 request and opens its reply, with nothing but Node's own crypto, to show the envelope with a plain curl.
//   echo '{"email":"user@example.com"}' | node envelope.mjs seal    prints the request envelope in Base64
//   … | node envelope.mjs open                                      prints the JSON inside a reply
// The client secret (32 bytes, Base64) is read from UID2_CLIENT_SECRET, so that it does not appear in a process list.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const key = Buffer.from(process.env.UID2_CLIENT_SECRET ?? '', 'base64');
const input = readFileSync(0);

if (key.length !== 32) fail('set UID2_CLIENT_SECRET to the Base64 client secret (32 bytes)');
if (process.argv[2] === 'seal') process.stdout.write(seal(input.toString('utf8').trim()));
else if (process.argv[2] === 'open') process.stdout.write(`${open(input.toString('ascii').trim())}\n`);
else fail('usage: envelope.mjs seal|open');

// Request: version 1 | IV (12) | AES-256-GCM( time in ms (8) | nonce (8) | JSON ) | tag (16)
function seal(json) {
  const head = Buffer.alloc(16);
  head.writeBigInt64BE(BigInt(Date.now()), 0);
  randomBytes(8).copy(head, 8);
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const sealed = [cipher.update(head), cipher.update(json, 'utf8'), cipher.final()];
  return Buffer.concat([Buffer.from([1]), iv, ...sealed, cipher.getAuthTag()]).toString('base64');
}

// Reply: IV (12) | AES-256-GCM( time in ms (8) | the request's nonce (8) | JSON ) | tag (16); an error is plain JSON.
function open(text) {
  if (text.startsWith('{')) fail(text);
  const bytes = Buffer.from(text, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(-16));
  const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  return plain.subarray(16).toString('utf8');
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
