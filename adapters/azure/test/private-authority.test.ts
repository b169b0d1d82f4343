import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Secret } from '@holdfast/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { clientSecretCredential, createArmClient, createVaultClient } from '../src/index.ts';
import { testToken } from '../testing/scripted-azure.ts';

const OPENSSL = '/usr/bin/openssl';
const TENANT = '00000000-0000-0000-0000-000000000003';

describe.skipIf(!existsSync(OPENSSL))('a cloud behind a private authority, with certificates of openssl', () => {
  let folder: string;
  let server: Server;
  let url: string;
  let ca: string;
  const seen: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-authority-'));
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem'];
    const subject = ['-days', '2', '-subj', '/CN=local', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync(OPENSSL, ['req', '-x509', ...key, '-out', 'ca.pem', ...subject], { cwd: folder, stdio: 'pipe' });
    ca = readFileSync(join(folder, 'ca.pem'), 'utf8');
    server = createServer({ key: readFileSync(join(folder, 'key.pem')), cert: ca }, (request, response) => {
      const path = new URL(request.url ?? '/', url).pathname;
      seen.push(`${request.method ?? ''} ${path}`);
      const send = (body: unknown, status = 200, headers = {}): void => {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify(body));
      };
      if (path.endsWith('/.well-known/openid-configuration')) {
        const tenant = `${url}/${TENANT}`;
        send({
          issuer: `${tenant}/v2.0`,
          authorization_endpoint: `${tenant}/oauth2/v2.0/authorize`,
          token_endpoint: `${tenant}/oauth2/v2.0/token`,
          jwks_uri: `${tenant}/keys`,
        });
      } else if (path.endsWith('/token')) {
        send({ token_type: 'Bearer', expires_in: 3_600, ext_expires_in: 3_600, access_token: testToken() });
      } else if (path.startsWith('/secrets/') && request.headers.authorization === undefined) {
        const challenge = `Bearer authorization="${url}/${TENANT}", resource="https://vault.azure.net"`;
        send({}, 401, { 'www-authenticate': challenge });
      } else if (path.startsWith('/secrets/')) send({ id: `${url}/secrets/key/v1`, value: 'v' });
      else send({ id: path, authorized: request.headers.authorization !== undefined });
    });
    await new Promise<void>((done) => {
      server.listen(0, '127.0.0.1', done);
    });
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    rmSync(folder, { recursive: true });
  });

  function credential(tls: { readonly ca: string } | undefined): ReturnType<typeof clientSecretCredential> {
    return clientSecretCredential({
      tenantId: TENANT,
      clientId: 'client',
      clientSecret: new Secret('canary'),
      authorityUrl: url,
      ...(tls === undefined ? {} : { tls }),
    });
  }

  const clock = (): number => 0;

  it('token, Azure Resource Manager and vault are reached with an authority that the process does not trust', async () => {
    const tls = { ca };
    const options = { subscriptionId: 's', credential: credential(tls), endpoint: url, tls, clock };
    expect(await createArmClient(options).read('/subscriptions/s', '2022-12-01')).toEqual({
      id: '/subscriptions/s',
      authorized: true,
    });
    const vault = createVaultClient({ credential: credential(tls), tls });
    expect((await vault.getSecret(url, 'key')).reveal()).toBe('v');
    expect(seen).toContain(`POST /${TENANT}/oauth2/v2.0/token`);
  });

  it('without that authority no token is asked for', async () => {
    seen.length = 0;
    const options = { subscriptionId: 's', credential: credential(undefined), endpoint: url, tls: { ca }, clock };
    await expect(
      createArmClient({ ...options, maxRetries: 0 }).read('/subscriptions/s', '2022-12-01'),
    ).rejects.toMatchObject({
      code: 'AZURE_CREDENTIAL_UNAVAILABLE',
    });
    expect(seen).toEqual([]);
  });
});
