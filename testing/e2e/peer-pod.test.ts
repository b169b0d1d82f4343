import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { basicConstraintsExtension, certificatesToPem, createCertificate } from '@holdfast/attestation';
import { HttpClient } from '@holdfast/http';
import { openSimulatedPlatform, sealVaultSecret } from '@holdfast/local';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { RunningCommand, runHoldfast, ServiceProcess } from '../src/index.ts';
import type { CommandResult } from '../src/index.ts';
import { keepSeededHome } from './home-copy.ts';

const SECRET = 'correct horse battery staple';
const RESOURCE = 'default/database/password';
const COMPARED = ['snp_pcr03', 'snp_pcr09', 'snp_pcr11', 'snp_pcr12'];

/** What `holdfast peer-pods run --json` says once the pod is up. */
interface StartedPod {
  readonly url: string;
  readonly tee: string;
  readonly initdata: {
    readonly digest: string;
    readonly measured: { readonly register: string; readonly value: string };
  };
  readonly pod: { readonly containers: readonly { readonly name: string; readonly unsealed: readonly string[] }[] };
  readonly referenceValues: Readonly<Record<string, readonly unknown[]>>;
}

describe('a peer pod gets its secret from a key broker', { timeout: 300_000 }, () => {
  const home = keepSeededHome();
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-e2e-peer-pod-'));
  const http = new HttpClient();
  const material = createMaterial(folder);
  let broker: ServiceProcess;
  let brokerUrl = '';
  let pod: PeerPodProcess;
  let started: StartedPod;

  beforeAll(async () => {
    const hardware = await openSimulatedPlatform(join(home.folder, 'snp'), {
      clock: Date.now,
      randomBytes: (length) => new Uint8Array(randomBytes(length)),
    });
    broker = new ServiceProcess('trustee', brokerConfig(folder, hardware));
    brokerUrl = await broker.listening();
    await admin('POST', `resource/${RESOURCE}`, SECRET);
    await setResourcePolicy(AFFIRMING);
    writeFileSync(join(folder, 'pod.yaml'), manifest(INITDATA));
    pod = new PeerPodProcess(['--home', home.folder, '--kbs', brokerUrl, '--port', '0', join(folder, 'pod.yaml')]);
    started = await pod.started();
    for (const name of COMPARED) await setReference(name, started.referenceValues[name] ?? []);
    await setReference('snp_pcr08', [pcr8Of(INITDATA)]);
  }, 300_000);

  afterAll(async () => {
    await pod.stop();
    await broker.stop();
    await http.close();
    home.remove();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  it('measures its initdata into PCR 8 as the tenant computes it', () => {
    expect(started).toMatchObject({
      tee: 'az-snp-vtpm',
      initdata: { digest: sha256(INITDATA), measured: { register: 'PCR 8', value: pcr8Of(INITDATA) } },
    });
  });

  it('hands the secret to a workload that asks on loopback', async () => {
    const answer = await http.send({ url: `${started.url}/cdh/resource/${RESOURCE}`, timeoutMs: 30_000 });
    expect({ status: answer.status, body: text(answer.body) }).toEqual({ status: 200, body: SECRET });
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    expect(broker.output).not.toContain(SECRET);
    expect(pod.output).not.toContain(SECRET);
  });

  it('gives a workload a token that another request to the broker is answered with', async () => {
    const { body, status } = await http.send({ url: `${started.url}/aa/token?token_type=kbs`, timeoutMs: 30_000 });
    expect(status).toBe(200);
    const { token, tee_keypair: keyPair } = JSON.parse(text(body)) as { token: string; tee_keypair: string };
    expect(keyPair).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    const url = `${brokerUrl}/kbs/v0/resource/${RESOURCE}`;
    const answer = await http.send({ url, headers: { Authorization: `Bearer ${token}` }, timeoutMs: 30_000 });
    expect(answer.status).toBe(200);
  });

  it('prints the secret once for a person at a terminal', async () => {
    expect(await once(RESOURCE)).toMatchObject({ code: 0, stdout: SECRET });
  });

  it('writes the secret to a file that only its owner reads', async () => {
    const file = join(folder, 'secret.txt');
    const { code, stdout } = await once(RESOURCE, '--output', file);
    expect({ code, stdout, content: readFileSync(file, 'utf8') }).toEqual({ code: 0, stdout: '', content: SECRET });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('starts with its sealed secrets unsealed, and not without the resource behind them', async () => {
    const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await admin('POST', 'resource/default/keys/sealing', JSON.stringify(signer.publicKey.export({ format: 'jwk' })));
    const keyId = 'kbs:///default/keys/sealing';
    const sealed = sealVaultSecret(`kbs:///${RESOURCE}`, { key: signer.privateKey, keyId });
    expect(await once(sealed)).toMatchObject({ code: 0, stdout: SECRET });

    const file = join(folder, 'sealed.yaml');
    writeFileSync(file, manifest(INITDATA, sealed));
    const sealedPod = new PeerPodProcess(['--home', home.folder, '--kbs', brokerUrl, '--port', '0', file]);
    const { pod: containers } = await sealedPod.started();
    expect(containers.containers).toEqual([{ name: 'app', unsealed: ['PASSWORD'] }]);
    expect(await sealedPod.stop()).toBe(0);
    expect(sealedPod.output).not.toContain(SECRET);

    writeFileSync(
      file,
      manifest(INITDATA, sealVaultSecret('kbs:///default/no/such', { key: signer.privateKey, keyId })),
    );
    const refused = await run('--port', '0', '--json', file);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain('PEER_POD_RESOURCE_REFUSED');
  });

  it('refuses a pod of which one byte of initdata differs, and says outside what it says to everybody', async () => {
    const changed = INITDATA.replace('# the vault of team red', '# the vault of team bed');
    writeFileSync(join(folder, 'changed.yaml'), manifest(changed));
    const before = broker.output.length;
    const refused = await run('--once', RESOURCE, join(folder, 'changed.yaml'));
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('request unauthorized');
    expect(refused.stderr).toContain('PolicyDeny: Access denied by policy');
    const log = broker.output.slice(before);
    // Evidence of known firmware that booted something unknown: which claim, which reference value, and both sides.
    const [issued] = records(log, 'attestation token issued');
    expect(issued).toMatchObject({
      statuses: ['cpu0: warning'],
      unmet: [
        {
          part: 'cpu0',
          claim: 'executables',
          reference: 'snp_pcr08',
          expected: JSON.stringify([pcr8Of(INITDATA)]),
          received: JSON.stringify(pcr8Of(changed)),
        },
      ],
    });
    expect(records(log, 'request refused')).toContainEqual(
      expect.objectContaining({
        variant: 'PolicyDeny',
        reasons: ['Access denied by policy', 'the resource policy does not allow it: cpu0 is warning (executables 33)'],
        facts: [{ tokenId: issued?.['tokenId'] }],
      }),
    );
    expect(refused.stderr).not.toMatch(/pcr|executables/i);
    expect(log).not.toContain(SECRET);
  });

  it('refuses a new guest once the reference value of its initdata is removed', async () => {
    await admin('DELETE', 'reference-value/snp_pcr08');
    const before = broker.output.length;
    const refused = await once(RESOURCE);
    expect(records(broker.output.slice(before), 'attestation token issued')[0]?.['unmet']).toMatchObject([
      { reference: 'snp_pcr08', expected: 'nothing', received: JSON.stringify(pcr8Of(INITDATA)) },
    ]);
    await setReference('snp_pcr08', [pcr8Of(INITDATA)]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('request unauthorized');
    expect(await once(RESOURCE)).toMatchObject({ code: 0, stdout: SECRET });
  });

  it('refuses the running guest as soon as the resource policy is tightened, with nothing restarted', async () => {
    const url = `${started.url}/cdh/resource/${RESOURCE}`;
    expect((await http.send({ url, timeoutMs: 30_000 })).status).toBe(200);
    await setResourcePolicy('package policy\n\ndefault allow := false\n');
    const refused = await http.send({ url, timeoutMs: 30_000 });
    await setResourcePolicy(AFFIRMING);
    expect({ status: refused.status, body: text(refused.body) }).toEqual({ status: 500, body: 'request unauthorized' });
    expect((await http.send({ url, timeoutMs: 30_000 })).status).toBe(200);
  });

  it('refuses a pod whose own policy blocks its containers, before anything is attested', async () => {
    const blocking = INITDATA.replace(
      'default CreateContainerRequest := true',
      'default CreateContainerRequest := false',
    );
    writeFileSync(join(folder, 'blocked.yaml'), manifest(blocking));
    const refused = await run('--once', RESOURCE, join(folder, 'blocked.yaml'));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('policy.rego of the initdata blocks CreateContainerRequest for the container app');
    expect(refused.stderr).not.toContain('auth 200');
  });

  it('attests bare SNP hardware by HOST_DATA, and refuses sample evidence where it is not enabled', async () => {
    for (const [name, values] of Object.entries(await snpReferences())) await setReference(name, values);
    const snp = await run('--platform', 'snp', '--once', RESOURCE, join(folder, 'pod.yaml'));
    expect(snp).toMatchObject({ code: 0, stdout: SECRET });
    const sample = await run('--platform', 'sample', '--once', RESOURCE, join(folder, 'pod.yaml'));
    expect(sample.code).toBe(1);
    expect(sample.stderr).toContain('the key broker refuses the guest');
  });

  async function snpReferences(): Promise<StartedPod['referenceValues']> {
    const snpPod = new PeerPodProcess([
      '--home',
      home.folder,
      '--platform',
      'snp',
      '--port',
      '0',
      join(folder, 'pod.yaml'),
    ]);
    const { referenceValues, initdata } = await snpPod.started();
    expect(initdata.measured).toEqual({ register: 'HOST_DATA', value: sha256(INITDATA) });
    await snpPod.stop();
    return referenceValues;
  }

  function run(...args: readonly string[]): Promise<CommandResult> {
    return runHoldfast(['peer-pods', 'run', '--home', home.folder, '--kbs', brokerUrl, ...args]);
  }

  function once(wanted: string, ...args: readonly string[]): Promise<CommandResult> {
    return run('--once', wanted, ...args, join(folder, 'pod.yaml'));
  }

  async function admin(method: 'POST' | 'DELETE', path: string, body?: string): Promise<void> {
    const answer = await http.send({
      url: `${brokerUrl}/kbs/v0/${path}`,
      method,
      headers: { Authorization: `Bearer ${material.adminToken}` },
      ...(body === undefined ? {} : { body }),
      timeoutMs: 30_000,
    });
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${text(answer.body)}`);
  }

  function setResourcePolicy(policy: string): Promise<void> {
    return admin('POST', 'resource-policy', JSON.stringify({ policy: Buffer.from(policy).toString('base64url') }));
  }

  function setReference(name: string, values: readonly unknown[]): Promise<void> {
    const payload = Buffer.from(JSON.stringify({ [name]: values })).toString('base64');
    return admin('POST', 'reference-value', JSON.stringify({ version: '0.1.0', type: 'sample', payload }));
  }
});

const AFFIRMING = `package policy

import rego.v1

default allow := false

allow if {
  data.plugin == "resource"
  every submodule in input.submods { submodule["ear.status"] == "affirming" }
}
`;

const INITDATA = `# the vault of team red
algorithm = "sha256"
version = "0.1.0"

[data]
"aa.toml" = '''
[token_configs.kbs]
url = "http://kbs.example:8080"
'''
"cdh.toml" = '''
[kbc]
name = "cc_kbc"
url = "http://kbs.example:8080"
'''
"policy.rego" = '''
package agent_policy

default CreateSandboxRequest := true
default CreateContainerRequest := true
default StartContainerRequest := true
default ExecProcessRequest := false
'''
`;

/** Log lines of a message. */
function records(log: string, message: string): readonly Readonly<Record<string, unknown>>[] {
  return log.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const record = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return record['msg'] === message ? [record] : [];
  });
}

function manifest(initdata: string, password = 'plain'): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: reader
  annotations:
    io.katacontainers.config.hypervisor.cc_init_data: ${gzipSync(initdata).toString('base64')}
spec:
  runtimeClassName: kata-remote
  containers:
    - name: app
      image: registry.example/app:1
      command: [sleep, infinity]
      env:
        - name: PASSWORD
          value: ${password}
`;
}

function sha256(input: string | Buffer): string {
  return createHash('sha256').update(input).digest('hex');
}

/** What the tenant registers: SHA-256 of 32 zero bytes and the digest of the file. */
function pcr8Of(initdata: string): string {
  return sha256(Buffer.concat([Buffer.alloc(32), Buffer.from(sha256(initdata), 'hex')]));
}

function text(body: Uint8Array): string {
  return Buffer.from(body).toString('utf8');
}

/** An authority with the token key of the broker under it, and an administrator with a token. */
function createMaterial(folder: string): { readonly adminToken: string } {
  const administrator = generateKeyPairSync('ed25519');
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = (name: string, publicKey: KeyObject, serial: bigint): string =>
    certificatesToPem([
      createCertificate({
        subject: [{ type: 'CN', value: name }],
        issuer: [{ type: 'CN', value: 'Test authority' }],
        publicKey,
        signingKey: authority.privateKey,
        serial,
        notBefore: Date.now() - 3_600_000,
        notAfter: Date.now() + 86_400_000,
        extensions: [basicConstraintsExtension({ ca: serial === 1n })],
        signatureAlgorithm: 'ecdsa-sha256',
      }),
    ]);
  const root = certificate('Test authority', authority.publicKey, 1n);
  writeFileSync(join(folder, 'admin.pem'), administrator.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(join(folder, 'ca.pem'), root);
  writeFileSync(join(folder, 'signer-chain.pem'), certificate('Token signer', signer.publicKey, 2n) + root);
  writeFileSync(join(folder, 'signer.pem'), signer.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const signed = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part({ exp, role: 'admin' })}`;
  const signature = sign(null, Buffer.from(signed), administrator.privateKey);
  return { adminToken: `${signed}.${signature.toString('base64url')}` };
}

function brokerConfig(folder: string, hardware: { readonly rootFile: string; readonly issuersFile: string }): string {
  const file = join(folder, 'kbs.json');
  const settings = {
    http_server: { sockets: ['127.0.0.1:0'], insecure_http: true },
    admin: {
      authorization_mode: 'AuthenticatedAuthorization',
      authentication: { bearer_jwt: { identity_providers: [{ public_key_uri: join(folder, 'admin.pem') }] } },
      authorization: { regex_acl: { acls: [{ role: 'admin', allowed_endpoints: '^/kbs/v0/.*$' }] } },
    },
    attestation_token: { trusted_certs_paths: [join(folder, 'ca.pem')] },
    attestation_service: {
      attestation_token_broker: {
        signer: { key_path: join(folder, 'signer.pem'), cert_path: join(folder, 'signer-chain.pem') },
      },
    },
    plugins: [{ name: 'resource' }],
    holdfast: {
      environment: 'test',
      simulated_root_file: hardware.rootFile,
      snp_issuer_files: [hardware.issuersFile],
    },
  };
  writeFileSync(file, JSON.stringify(settings));
  return file;
}

/** A running `holdfast peer-pods run --json` in a process of its own. */
class PeerPodProcess extends RunningCommand {
  constructor(args: readonly string[]) {
    super(['peer-pods', 'run', '--json', ...args]);
  }

  async started(): Promise<StartedPod> {
    // What it prints when it fails is no such line.
    const line = (): string | undefined =>
      this.exitCode === undefined && this.stdout.includes('\n') ? this.stdout : undefined;
    return JSON.parse(await this.finds(line, 60_000)) as StartedPod;
  }
}
