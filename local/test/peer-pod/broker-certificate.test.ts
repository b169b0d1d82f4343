import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { certificatesToPem, createAuthorityCertificate, createServerCertificate } from '@holdfast/attestation';
import { encodeInitdata } from '@holdfast/initdata';
import { describe, expect, it } from 'vitest';

import { startPeerPod } from '../../src/peer-pod/start-peer-pod.ts';
import type { RunningPeerPod } from '../../src/peer-pod/start-peer-pod.ts';
import { FakeBroker, listenAsBroker } from './fake-broker.ts';

const PATH = 'default/database/password';

/** An authority, and a key with a certificate of it for 127.0.0.1. */
function authority(): { readonly pem: string; readonly tls: { readonly key: string; readonly cert: string } } {
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const validity = () => ({
    serial: new Uint8Array(randomBytes(16)),
    notBefore: Date.now() - 3_600_000,
    notAfter: Date.now() + 3_600_000,
  });
  const certificate = createAuthorityCertificate({ ...validity(), ...ca, commonName: 'Test authority' });
  const issued = createServerCertificate(
    { certificate, privateKey: ca.privateKey },
    { ...validity(), hosts: ['127.0.0.1'], publicKey: server.publicKey },
  );
  return {
    pem: certificatesToPem([certificate]),
    tls: {
      key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      cert: certificatesToPem([issued]),
    },
  };
}

async function withPod(url: string, pem: string, use: (pod: RunningPeerPod) => Promise<void>): Promise<void> {
  const document = `algorithm = "sha256"
version = "0.1.0"
[data]
"cdh.toml" = '''
[kbc]
name = "cc_kbc"
url = "${url}"
kbs_cert = """
${pem}"""
'''
`;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const pod = await startPeerPod({
    pod: `apiVersion: v1
kind: Pod
metadata: { name: a }
spec: { runtimeClassName: kata-remote, containers: [{ name: app }] }
`,
    initdata: encodeInitdata(document),
    platform: 'sample',
    port: 0,
    folder,
    clock: Date.now,
  });
  try {
    await use(pod);
  } finally {
    await pod.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('a guest', () => {
  it('asks a broker whose certificate its initdata name, and no other', async () => {
    const broker = new FakeBroker();
    broker.resources.set(PATH, 'secret');
    const named = authority();
    const listener = await listenAsBroker(broker, named.tls);
    try {
      expect(listener.url).toMatch(/^https:/);
      await withPod(listener.url, named.pem, async ({ hub }) => {
        expect(Buffer.from(await hub.getResource(PATH)).toString()).toBe('secret');
      });
      broker.calls.length = 0;
      await withPod(listener.url, authority().pem, async ({ hub }) => {
        await expect(hub.getResource(PATH)).rejects.toMatchObject({ code: 'HTTP_UNREACHABLE' });
      });
      expect(broker.calls).toEqual([]);
    } finally {
      await listener.stop();
    }
  });
});
