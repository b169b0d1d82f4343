import { execFile } from 'node:child_process';
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { readAzureIdentity } from '@holdfast/admission';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createTokenSource } from '../../src/tokens/acquire.ts';
import type { OutboundRequest } from '../../src/tokens/outbound.ts';

const run = promisify(execFile);
const never = new AbortController().signal;
const identity = readAzureIdentity({
  metadata: { name: 'principal', namespace: 'default' },
  spec: {
    type: 2,
    clientID: '00000000-0000-4000-8000-000000000001',
    tenantID: 'tenant',
    clientPassword: { name: 'certificate', namespace: 'default' },
  },
});

describe('the certificate of a service principal', () => {
  let folder: string;
  const files = new Map<string, Uint8Array>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-principal-'));
    const at = (name: string): string => join(folder, name);
    const subject = ['-nodes', '-days', '2', '-subj'];
    const key = ['-newkey', 'rsa:2048'];
    await run('openssl', ['req', '-x509', ...key, ...subject, '/CN=ca', '-keyout', at('ca.key'), '-out', at('ca.pem')]);
    const issued = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-keyout', at('own.key'), '-out', at('own.pem')];
    await run('openssl', ['req', '-x509', ...key, ...subject, '/CN=own', ...issued]);
    const write = async (name: string, password: string, ...options: readonly string[]): Promise<void> => {
      const input = ['-inkey', at('own.key'), '-in', at('own.pem'), '-certfile', at('ca.pem')];
      const output = ['-passout', `pass:${password}`, ...options, '-out', at(name)];
      await run('openssl', ['pkcs12', '-export', ...input, ...output]);
      files.set(name, await readFile(at(name)));
    };
    await write('modern.pfx', 'geheim-ä');
    const old = ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'];
    await write('old.pfx', 'geheim-ä', ...old);
    await write('open.pfx', '');
    for (const name of ['own.pem', 'own.key', 'ca.pem']) files.set(name, await readFile(at(name)));
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  const bytesOf = (name: string): Uint8Array => files.get(name) ?? new Uint8Array();

  async function ask(secret: Readonly<Record<string, Uint8Array>>): Promise<OutboundRequest> {
    const sent: OutboundRequest[] = [];
    const source = createTokenSource({
      cluster: { secret: async () => Promise.resolve(new Map(Object.entries(secret))) },
      metadata: { origin: 'http://metadata', send: unexpected, sleep: async () => Promise.resolve(), rules: 'strict' },
      principal: {
        clock: Date.now,
        authorities: ['login.microsoftonline.com'],
        send: async (call) => {
          sent.push(call);
          const body = Buffer.from(JSON.stringify({ access_token: 'token', expires_in: 3599, token_type: 'Bearer' }));
          return Promise.resolve({ status: 200, headers: {}, body });
        },
      },
      rules: 'strict',
      primaryOnly: false,
      onAttempt: () => undefined,
      monotonic: () => 0,
    });
    const [token] = await source.ofIdentity(identity, 'https://vault.azure.net', never);
    expect(token?.accessToken).toBe('token');
    const [call] = sent;
    if (call === undefined) throw new Error('nothing was sent');
    return call;
  }

  /** Whether the assertion that was sent is signed by the key of the principal's own certificate. */
  function isSignedByOwn({ body }: OutboundRequest): boolean {
    const [header = '', payload = '', signature = ''] =
      new URLSearchParams(String(body)).get('client_assertion')?.split('.') ?? [];
    const own = new X509Certificate(bytesOf('own.pem'));
    const { 'x5t#S256': thumbprint } = JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<
      string,
      string
    >;
    const key = {
      key: createPublicKey(own.publicKey.export({ format: 'pem', type: 'spki' })),
      padding: 6,
      saltLength: 32,
    };
    const holds = verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'));
    return (
      holds &&
      Buffer.from(thumbprint ?? '', 'base64url').toString('hex') ===
        own.fingerprint256.replaceAll(':', '').toLowerCase()
    );
  }

  it.each([
    ['PKCS#12 as OpenSSL 3 writes it', 'modern.pfx', 'geheim-ä'],
    ['PKCS#12 with triple DES', 'old.pfx', 'geheim-ä'],
    ['PKCS#12 without a password', 'open.pfx', undefined],
  ])('is read from %s, whose own key signs the assertion', async (_, name, password) => {
    const secret = {
      certificate: bytesOf(name),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
    };
    expect(isSignedByOwn(await ask(secret))).toBe(true);
  });

  it('is read from PEM, and from entries in capital letters', async () => {
    const pem = Buffer.concat([bytesOf('own.key'), bytesOf('own.pem')]);
    expect(isSignedByOwn(await ask({ certificate: pem }))).toBe(true);
    const secret = { Certificate: bytesOf('modern.pfx'), PASSWORD: Buffer.from('geheim-ä') };
    expect(isSignedByOwn(await ask(secret))).toBe(true);
  });

  it('is refused with a reason that does not show the password', async () => {
    const place = 'failed to decode the client certificate of Kubernetes secret default/certificate, err: ';
    const wrong = { certificate: bytesOf('modern.pfx'), password: Buffer.from('wrong-password') };
    const refusal = ask(wrong);
    await expect(refusal).rejects.toThrow(place);
    await expect(refusal).rejects.not.toThrow('wrong-password');
    await expect(ask({ certificate: bytesOf('ca.pem') })).rejects.toThrow(place);
    await expect(ask({ certificate: new Uint8Array() })).rejects.toThrow(place);
    await expect(ask({ password: Buffer.from('x') })).rejects.toThrow(
      'Kubernetes secret default/certificate has no entry certificate',
    );
  });
});

async function unexpected(): Promise<never> {
  return Promise.reject(new Error('the metadata service is not asked'));
}
