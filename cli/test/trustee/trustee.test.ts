import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLogger } from '@holdfast/process';
import type { RunningService } from '@holdfast/process';
import { service } from '@holdfast/trustee';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { capture } from '../captured-io.ts';

describe('holdfast trustee', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-trustee-'));
  const tokenFile = join(folder, 'admin-token');
  let running: RunningService | undefined;
  let url = '';

  beforeAll(async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(folder, 'admin.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const expires = Math.floor(Date.now() / 1000) + 600;
    const signed = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part({ exp: expires, role: 'admin' })}`;
    const signature = sign(null, Buffer.from(signed), privateKey).toString('base64url');
    writeFileSync(tokenFile, `${signed}.${signature}\n`);
    const configFile = join(folder, 'kbs.toml');
    writeFileSync(configFile, configOf(folder));
    running = await service.start({
      logger: createLogger({ name: 'trustee', level: 'silent' }),
      env: {},
      configFile,
      fail: (error) => {
        throw error;
      },
    });
    url = running.addresses['http'] ?? '';
  });

  afterAll(async () => {
    await running?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const trustee = (...args: string[]) =>
    capture(['trustee', ...args, '--url', url, '--admin-token-file', tokenFile], { cwd: folder });

  it('stores and removes resources', async () => {
    writeFileSync(join(folder, 'secret'), 'shhh');
    expect(await trustee('resource', 'set', 'default/key/1', 'secret')).toMatchObject({
      exitCode: 0,
      stderr: 'stored 4 bytes as kbs:///default/key/1\n',
    });
    expect((await trustee('resource', 'delete', 'default/key/1', '--json')).stdout).toBe(
      '{"version":1,"resource":"default/key/1","removed":true}\n',
    );
    expect((await trustee('resource', 'delete', 'default/key/1')).exitCode).toBe(1);
    expect((await trustee('resource', 'set', '../key/1', 'secret')).stderr).toContain('no path of a resource');
  });

  it('sets policies and says what is wrong with one before it sends it', async () => {
    expect((await trustee('policy', 'set', '--preset', 'affirming')).exitCode).toBe(0);
    expect((await trustee('policy', 'list')).stdout).toBe('resource-policy\n');
    writeFileSync(join(folder, 'good.rego'), 'package policy\n\nimport rego.v1\n\ntrust_claims := {"hardware": 2}\n');
    const stored = await trustee('policy', 'set', '--file', 'good.rego', '--attestation', 'default_cpu', '--json');
    expect(stored).toMatchObject({ exitCode: 0, stdout: '{"version":1,"policy":"default_cpu"}\n' });
    writeFileSync(join(folder, 'bad.rego'), 'package policy\n\nallow if {\n  x ==\n}\n');
    const refused = await trustee('policy', 'set', '--file', 'bad.rego');
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('bad.rego:5:1');
  });

  it('registers, shows, lists and removes reference values', async () => {
    expect((await trustee('reference-value', 'set', 'svn', '1', '2')).exitCode).toBe(0);
    expect((await trustee('reference-value', 'set', 'major', '1', '--as-integer', '--as-single-value')).exitCode).toBe(
      0,
    );
    expect((await trustee('reference-value', 'get', 'svn')).stdout).toBe('["1","2"]\n');
    expect((await trustee('reference-value', 'get', 'major', '--json')).stdout).toBe(
      '{"version":1,"name":"major","value":1}\n',
    );
    const values = [{ name: 'snp_pcr08', expiration: '2027-01-01T00:00:00Z', value: ['ab'.repeat(32)] }];
    writeFileSync(join(folder, 'reference-values.json'), JSON.stringify(values));
    expect((await trustee('reference-value', 'import', 'reference-values.json')).stderr).toBe('registered snp_pcr08\n');
    expect((await trustee('reference-value', 'list')).stdout).toBe('major\nsnp_pcr08\nsvn\n');
    expect((await trustee('reference-value', 'delete', 'svn')).exitCode).toBe(0);
    expect((await trustee('reference-value', 'get', 'svn')).stderr).toContain('No reference value found');
  });

  it('says why the broker refuses somebody who is no administrator', async () => {
    const run = await capture(['trustee', 'policy', 'list', '--url', url], { cwd: folder, env: { HOME: folder } });
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('admin access denied for endpoint resource-policy');
  });
});

function configOf(folder: string): string {
  return `
[http_server]
sockets = ["127.0.0.1:0"]
insecure_http = true

[admin]
authorization_mode = "AuthenticatedAuthorization"

[[admin.authentication.bearer_jwt.identity_providers]]
public_key_uri = "${join(folder, 'admin.pem')}"

[[admin.authorization.regex_acl.acls]]
role = "admin"
allowed_endpoints = "^/kbs/v0/.*$"

[attestation_token]
insecure_header_jwk = true

[storage_backend]
storage_type = "LocalJson"

[storage_backend.backends.local_json]
file_dir_path = "${join(folder, 'storage')}"

[[plugins]]
name = "resource"

[holdfast]
environment = "test"
insecure = true
`;
}
