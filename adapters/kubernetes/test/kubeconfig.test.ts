import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openKubernetes } from '../src/index.ts';
import { kubeconfigFor, sendJson, startFakeApiServer } from '../testing/fake-api-server.ts';
import type { FakeApiServer } from '../testing/fake-api-server.ts';

const OPENSSL = '/usr/bin/openssl';

describe('openKubernetes refuses', () => {
  it.each([
    ['no YAML', '{', 'read'],
    ['an empty text', '', 'read'],
    ['no context', JSON.stringify({ clusters: [], users: [], contexts: [] }), 'context'],
    ['plain http', kubeconfigFor({ server: 'http://127.0.0.1:1' }), 'https'],
    ['a server that is no URL', kubeconfigFor({ server: 'somewhere' }), 'URL'],
  ])('a kubeconfig with %s', async (_, text, word) => {
    const opening = openKubernetes(text);
    await expect(opening).rejects.toMatchObject({ code: 'KUBERNETES_KUBECONFIG_INVALID' });
    await expect(opening).rejects.toThrow(word);
  });

  it('to quote what stands in a damaged kubeconfig', async () => {
    const error = await openKubernetes('users:\n  - token: canary\n bad: [').catch((thrown: unknown) => thrown);
    expect(String(error)).not.toContain('canary');
  });
});

describe.skipIf(!existsSync(OPENSSL))('over TLS, with certificates of openssl', () => {
  let folder: string;
  let server: FakeApiServer;
  let ca: string;

  function mint(name: string, ...rest: readonly string[]): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
    const args = ['req', '-x509', ...key, ...files, '-days', '2', '-subj', `/CN=${name}`, ...rest];
    execFileSync(OPENSSL, args, { cwd: folder, stdio: 'pipe' });
  }

  function base64(file: string): string {
    return readFileSync(join(folder, file)).toString('base64');
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-kubeconfig-'));
    mint('server', '-addext', 'subjectAltName=IP:127.0.0.1');
    mint('admin');
    mint('other');
    ca = base64('server.crt');
    server = await startFakeApiServer({
      key: readFileSync(join(folder, 'server.key')),
      cert: readFileSync(join(folder, 'server.crt')),
      ca: readFileSync(join(folder, 'admin.crt')),
      requestCert: true,
      rejectUnauthorized: false,
    });
    server.use((_, response) => sendJson(response, { gitVersion: 'v1.34.2' }));
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  async function versionWith(user: object, cluster: object): Promise<string> {
    const text = kubeconfigFor({ server: server.url, cluster, user });
    return await (await openKubernetes(text, { retryDelayMs: 1 })).version();
  }

  it('trusts the authority of the kubeconfig and sends its token', async () => {
    expect(await versionWith({ token: 'tok' }, { 'certificate-authority-data': ca })).toBe('v1.34.2');
    expect(server.received.at(-1)?.headers.authorization).toBe('Bearer tok');
  });

  it('shows the client certificate of the kubeconfig', async () => {
    const user = { 'client-certificate-data': base64('admin.crt'), 'client-key-data': base64('admin.key') };
    await versionWith(user, { 'certificate-authority-data': ca });
    expect(server.received.at(-1)?.clientName).toBe('admin');
  });

  it('gets a token from the command that the kubeconfig names', async () => {
    const plugin = join(folder, 'plugin.cjs');
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-plugin' },
    };
    writeFileSync(plugin, `process.stdout.write(${JSON.stringify(JSON.stringify(credential))});`);
    const exec = { apiVersion: credential.apiVersion, command: process.execPath, args: [plugin] };
    await versionWith({ exec }, { 'certificate-authority-data': ca });
    expect(server.received.at(-1)?.headers.authorization).toBe('Bearer from-plugin');
  });

  it('says so when that command fails', async () => {
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', 'process.exit(3)'],
    };
    const work = versionWith({ exec }, { 'certificate-authority-data': ca });
    await expect(work).rejects.toMatchObject({ code: 'KUBERNETES_CREDENTIALS_UNAVAILABLE' });
  });

  it('refuses a server whose certificate comes from another authority', async () => {
    const work = versionWith({ token: 'tok' }, { 'certificate-authority-data': base64('other.crt') });
    await expect(work).rejects.toMatchObject({ code: 'KUBERNETES_UNREACHABLE' });
  });
});
