/** Opening request envelopes and sealing replies, for one identity and for 10,000. */
import { Buffer } from 'node:buffer';

import { encodeRequestEnvelope, encodeResponseEnvelope, prepareSecret, readRequestBody } from '@holdfast/uid2';

import { identityText } from '../src/identities.ts';
import { pooledRandom } from '../src/pooled-random.ts';
import { measureAndPrint, roundsFromArguments } from './measure.ts';
import type { Operation } from './measure.ts';

const NOW_MS = 1_800_000_000_000;
const BATCH = 10_000;

const random = pooledRandom();
const secret = prepareSecret(random(32));
const nonce = random(8);
const context = { key: secret, nowMs: NOW_MS, scope: 'uid2' } as const;

function open(name: string, json: string, binary: boolean): Operation {
  const envelope = Buffer.from(encodeRequestEnvelope({ nowMs: NOW_MS, nonce, json }, secret, random));
  const body = binary ? envelope : Buffer.from(envelope.toString('base64'));
  const type = binary ? 'application/octet-stream' : 'text/plain';
  return { name, items: 1, run: () => readRequestBody(type, body, context) };
}

function seal(name: string, json: string): Operation {
  return { name, items: 1, run: () => encodeResponseEnvelope(json, nonce, secret, NOW_MS, random) };
}

const tokenRequest = JSON.stringify({ email: identityText('email', 1) });
const tokenReply = JSON.stringify({
  status: 'success',
  body: { advertising_token: 'A'.repeat(218), rest: 'r'.repeat(600) },
});
const mapRequest = JSON.stringify({ email: Array.from({ length: BATCH }, (_, i) => identityText('email', i)) });
const entry = { u: 'u'.repeat(44), p: 'p'.repeat(44), r: 1_800_000_000 };
const mapReply = JSON.stringify({ status: 'success', body: { email: Array.from({ length: BATCH }, () => entry) } });

measureAndPrint(
  'envelope',
  [
    open('open, one identity, text', tokenRequest, false),
    open('open, one identity, binary', tokenRequest, true),
    open('open, 10,000 identities, text', mapRequest, false),
    open('open, 10,000 identities, binary', mapRequest, true),
    seal('seal, token reply', tokenReply),
    seal('seal, 10,000 identities', mapReply),
  ],
  roundsFromArguments(),
);
