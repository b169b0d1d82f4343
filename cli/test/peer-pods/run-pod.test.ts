import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encodeInitdata } from '@holdfast/initdata';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { capture } from '../captured-io.ts';

const INITDATA = `algorithm = "sha256"
version = "0.1.0"

[data]
"cdh.toml" = '''
[kbc]
name = "cc_kbc"
url = "http://127.0.0.1:9"
'''
`;
const pod = (annotations = ''): string => `apiVersion: v1
kind: Pod
metadata: { name: reader, annotations: { ${annotations} } }
spec:
  runtimeClassName: kata-remote
  containers: [{ name: app }]
`;
const RUN = ['peer-pods', 'run', '--platform', 'sample'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  writeFileSync(join(folder, 'initdata.toml'), INITDATA);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs until the first output, then presses Ctrl-C. */
function runUntilStarted(args: readonly string[], stdin: string): ReturnType<typeof capture> {
  let interrupt = (): void => undefined;
  return capture([...RUN, '--port', '0', ...args], {
    stdin,
    cwd: folder,
    onInterruptible: (press) => (interrupt = press),
    onOutput: (stdout) => {
      if (stdout.includes('container') || stdout.includes('}\n')) interrupt();
    },
  });
}

describe('holdfast peer-pods run', () => {
  it('says what it started, and stops at Ctrl-C', async () => {
    const annotation = `io.katacontainers.config.hypervisor.cc_init_data: ${encodeInitdata(INITDATA)}`;
    const { exitCode, stdout, stderr } = await runUntilStarted(['-'], pod(annotation));
    expect(exitCode).toBe(0);
    expect(stdout).toContain('pod         default/reader\n');
    expect(stdout).toMatch(/^interface {3}http:\/\/127\.0\.0\.1:\d+$/m);
    expect(stdout).toContain('policy      image-default\ncontainer   app\n');
    expect(stdout).toContain('reference   svn 1\n');
    expect(stderr).toContain('The pod has its own annotation.');
  });

  it('takes initdata from a file for a pod without any, and says so as JSON', async () => {
    for (const form of [INITDATA, encodeInitdata(INITDATA)]) {
      writeFileSync(join(folder, 'initdata'), form);
      const file = join(folder, 'initdata');
      const { exitCode, stdout } = await runUntilStarted(['--initdata', file, '--json', '-'], pod());
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        version: 1,
        tee: 'sample',
        initdata: { source: 'global', algorithm: 'sha256', measured: null },
        policy: 'image-default',
        hardware: null,
      });
    }
  });

  it('makes no hardware for the platform sample', async () => {
    await runUntilStarted(['-'], pod());
    expect(readdirSync(folder)).toEqual(['initdata.toml']);
  });

  it('ends with 1 and the code when the broker cannot be reached', async () => {
    const file = join(folder, 'initdata.toml');
    const { exitCode, stdout } = await capture([...RUN, '--initdata', file, '--once', 'a/b/c', '--json', '-'], {
      stdin: pod(),
    });
    expect({ exitCode, code: (JSON.parse(stdout) as { error: { code: string } }).error.code }).toEqual({
      exitCode: 1,
      code: 'HTTP_UNREACHABLE',
    });
  });

  it.each([
    ['a manifest without a peer pod', ['-'], pod().replace('kata-remote', 'kata'), 64, 'PEER_POD_INVALID'],
    ['a file to write without --once', ['--output', 'x', '-'], pod(), 64, 'PEER_POD_OPTIONS_CONFLICT'],
    ['an address that is none', ['--kbs', 'kbs:8080', '-'], pod(), 64, 'is no address such as'],
    ['a port that is none', ['--port', '70000', '-'], pod(), 64, 'is no port'],
    ['a pod whose initdata name no broker', ['--once', 'a/b/c', '-'], pod(), 1, 'PEER_POD_BROKER_ABSENT'],
    [
      'a path that is no resource',
      ['--once', 'a/b', '--initdata', 'FILE', '-'],
      pod(),
      1,
      'PEER_POD_RESOURCE_PATH_INVALID',
    ],
  ])('refuses %s', async (_name, args, stdin, code, text) => {
    const { exitCode, stdout, stderr } = await capture(
      [...RUN, ...args.map((arg) => (arg === 'FILE' ? join(folder, 'initdata.toml') : arg))],
      { stdin },
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
    expect(stderr).toContain(text);
  });
});

describe('holdfast peer-pods seal', () => {
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const URI = 'kbs:///default/database/password';
  const seal = (pem: string | Buffer, ...args: readonly string[]): ReturnType<typeof capture> => {
    const file = join(folder, 'signer.pem');
    writeFileSync(file, pem);
    return capture(['peer-pods', 'seal', '--key', file, ...args]);
  };
  const pem = signer.privateKey.export({ type: 'pkcs8', format: 'pem' });

  it('signs a reference to a resource, and shows the public key', async () => {
    const { exitCode, stdout } = await seal(pem, '--key-id', 'kbs:///default/keys/sealing', '--json', URI);
    const { sealed, verificationKey } = JSON.parse(stdout) as { sealed: string; verificationKey: object };
    expect([exitCode, verificationKey]).toEqual([0, signer.publicKey.export({ format: 'jwk' })]);
    const [, header = '', payload = '', signature = ''] = sealed.split('.');
    const key = { key: signer.publicKey, dsaEncoding: 'ieee-p1363' } as const;
    expect(verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ type: 'vault', name: URI });
  });

  it.each([
    ['a resource that is no URI', pem, 'kbs:///default/keys/sealing', 'default/database/password'],
    ['a key that is no URI', pem, 'sealing', URI],
    ['a key that is none', 'secret-canary', 'kbs:///default/keys/sealing', URI],
  ])('refuses %s', async (_name, key, keyId, uri) => {
    const { exitCode, stdout, stderr } = await seal(key, '--key-id', keyId, uri);
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
    expect(stderr).toContain('PEER_POD_SEAL_INVALID');
    expect(stderr).not.toContain('canary');
  });
});
