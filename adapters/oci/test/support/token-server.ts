import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export const ISSUER = 'holdfast-test';
export const SERVICE = 'test-registry';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The name that the registry gives to a key: the first 240 bits of the SHA-256 of its SPKI, base32, in groups of four. */
function keyId(certificate: string): string {
  const spki = createPublicKey(certificate).export({ type: 'spki', format: 'der' });
  const bits = [...createHash('sha256').update(spki).digest().subarray(0, 30)].map((byte) =>
    byte.toString(2).padStart(8, '0'),
  );
  const letters =
    bits
      .join('')
      .match(/.{5}/g)
      ?.map((five) => BASE32[Number.parseInt(five, 2)]) ?? [];
  return letters.join('').match(/.{4}/g)?.join(':') ?? '';
}

const base64Url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * A token server as registries know them: pulls for everybody, pushes for the user `writer` with the password `pa:ss`. Its
 * certificate is minted into `folder`.
 */
export async function startTokenServer(folder: string) {
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  execFileSync('openssl', ['req', '-x509', ...key, '-subj', `/CN=${ISSUER}`, '-days', '2', '-out', certificateFile], {
    stdio: 'ignore',
  });
  const privateKey = createPrivateKey(readFileSync(keyFile));
  const header = base64Url({ typ: 'JWT', alg: 'ES256', kid: keyId(readFileSync(certificateFile, 'utf8')) });
  const server = createServer((request, response) => {
    const asked = new URL(request.url ?? '', 'http://token').searchParams;
    const writer = request.headers.authorization === `Basic ${Buffer.from('writer:pa:ss').toString('base64')}`;
    const access = asked.getAll('scope').map((scope) => {
      const [type, name, actions = ''] = scope.split(':');
      return { type, name, actions: actions.split(',').filter((action) => action === 'pull' || writer) };
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: ISSUER,
      sub: '',
      aud: asked.get('service'),
      exp: now + 60,
      nbf: now - 60,
      iat: now,
      jti: String(now),
      access,
    };
    const signed = `${header}.${base64Url(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    response.end(JSON.stringify({ token: `${signed}.${signature.toString('base64url')}`, expires_in: 60 }));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    realm: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    certificateFile,
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
