import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseCertificates, parseSnpReport, verifySnpReportSignature } from '@holdfast/attestation';
import { toHex } from '@holdfast/base';
import { measureCceText, writeAllowAll } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { buildVirtualNodeApp } from '../../src/virtual-node/api.ts';
import { IDENTITY_ANNOTATION, POLICY_ANNOTATION } from '../../src/virtual-node/manifest.ts';
import { freePortBase } from '../../testing/free-port-base.ts';
import { IDENTITY_URL, KNOWN_IDENTITY, TestNode, WAIT } from '../../testing/test-node.ts';
import type { TestNodeOptions } from '../../testing/test-node.ts';

const POLICY = writeAllowAll();

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly readinessProbe?: unknown;
}

function manifest(
  containers: readonly Container[],
  changes: { annotations?: Record<string, string>; replicas?: number } = {},
): string {
  return stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'demo' },
    spec: {
      replicas: changes.replicas ?? 1,
      template: {
        metadata: {
          annotations: {
            [POLICY_ANNOTATION]: Buffer.from(POLICY).toString('base64'),
            [IDENTITY_ANNOTATION]: KNOWN_IDENTITY,
            ...changes.annotations,
          },
        },
        spec: { containers: containers.map((container) => ({ image: 'script:1', ...container })) },
      },
    },
  });
}

function virtualNode(text: string, changes: Partial<TestNodeOptions> = {}): Promise<TestNode> {
  return TestNode.create({ manifest: text, nodeVariables: { FROM_NODE: 'yes' }, ...changes });
}

describe('VirtualNode', () => {
  it("gives a container its manifest's environment, the platform's variables, and nothing else", async () => {
    const env = [
      { name: 'FIRST', value: '1' },
      { name: 'UVM_SECURITY_CONTEXT_DIR', value: 'of the manifest' },
    ];
    const script = 'console.log(JSON.stringify(process.env))';
    await using running = await virtualNode(manifest([{ name: 'app', command: ['/run', script], env }]));
    const ended = running.termination();
    await running.node.start();
    await ended;
    const [line] = (await running.log()).split('\n');
    const seen = JSON.parse(line ?? '') as Record<string, string>;
    const securityContext = join(running.folder, 'pods', 'demo-0', 'security-context');
    expect(seen).toEqual({
      FIRST: '1',
      FROM_NODE: 'yes',
      FROM_IMAGE: 'yes',
      HOLDFAST_UNTIL_STDIN_CLOSES: '1',
      HOSTNAME: 'demo-0',
      UVM_SECURITY_CONTEXT_DIR: securityContext,
      AZURE_POD_IDENTITY_AUTHORITY_HOST: IDENTITY_URL,
      snp_report_source: 'simulated',
      snp_simulated_url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
    expect(await readFile(join(securityContext, 'security-policy-base64'), 'utf8')).toBe(
      Buffer.from(POLICY).toString('base64'),
    );
  });

  it('lets containers fetch reports whose HOST_DATA is the measured policy, signed by the chip the host names', async () => {
    const script = `fetch(process.env.snp_simulated_url, { method: 'POST', body: new Uint8Array(64).fill(7) })
      .then(async (answer) => console.log(Buffer.from(await answer.arrayBuffer()).toString('base64')))`;
    await using running = await virtualNode(manifest([{ name: 'app', command: ['/run', script] }]));
    const ended = running.termination();
    await running.node.start();
    await ended;
    const report = parseSnpReport(Buffer.from((await running.log()).split('\n')[0] ?? '', 'base64'));
    const measured = measureCceText(POLICY).sha256;
    expect(toHex(report.hostData)).toBe(measured);
    expect(running.pod.hostData).toBe(measured);
    expect(report.reportData).toEqual(new Uint8Array(64).fill(7));
    const file = join(running.folder, 'pods', 'demo-0', 'security-context', 'host-amd-cert-base64');
    const host = JSON.parse(Buffer.from(await readFile(file, 'utf8'), 'base64').toString()) as { vcekCert: string };
    const [vcek] = parseCertificates(host.vcekCert);
    expect(vcek !== undefined && verifySnpReportSignature(report, vcek.publicKey)).toBe(true);
  });

  it('sets the debug bit only in a guest that is told to', async () => {
    const script = `fetch(process.env.snp_simulated_url, { method: 'POST', body: new Uint8Array(64) })
      .then(async (answer) => console.log(Buffer.from(await answer.arrayBuffer()).toString('base64')))`;
    for (const debug of [false, true]) {
      await using running = await virtualNode(manifest([{ name: 'app', command: ['/run', script] }]), {
        guest: { debug },
      });
      const ended = running.termination();
      await running.node.start();
      await ended;
      const report = parseSnpReport(Buffer.from((await running.log()).split('\n')[0] ?? '', 'base64'));
      expect(report.policy.debugAllowed).toBe(debug);
    }
  });

  it('refuses report data that has not 64 bytes', async () => {
    const script = `fetch(process.env.snp_simulated_url, { method: 'POST', body: 'short' })
      .then((answer) => console.log(answer.status))`;
    await using running = await virtualNode(manifest([{ name: 'app', command: ['/run', script] }]));
    const ended = running.termination();
    await running.node.start();
    await ended;
    expect(await running.log()).toContain('400');
  });

  it('starts a container again after it ended, and counts', async () => {
    await using running = await virtualNode(manifest([{ name: 'app', command: ['/run', 'process.exit(3)'] }]));
    const first = running.termination();
    await running.node.start();
    expect(await first).toMatchObject({ pod: 'demo-0', container: 'app', code: 3, restartInMs: 1 });
    await running.termination();
    await running.termination();
    const status = running.app.status();
    expect(status).toMatchObject({ lastTermination: { exitCode: 3, signal: null } });
    expect(Number(status?.['restartCount'])).toBeGreaterThanOrEqual(2);
    expect(running.node.events().map(({ reason }) => reason)).toContain('BackOff');
  });

  it('is ready once every container is, as its probe says', async () => {
    const server = `require('node:http').createServer((q, s) => { s.statusCode = q.url === '/ok' ? 200 : 500; s.end(); })
      .listen(+process.env.PORT, '127.0.0.1')`;
    const port = await freePortBase(1);
    const probe = { httpGet: { path: '/ok', port }, periodSeconds: 0.02 };
    const env = [{ name: 'PORT', value: String(port) }];
    await using running = await virtualNode(
      manifest([
        { name: 'side', command: ['/run', WAIT] },
        { name: 'app', command: ['/run', server], env, readinessProbe: probe },
      ]),
    );
    const ready = running.ready();
    await running.node.start();
    expect(running.pod.ready).toBe(false);
    await ready;
    expect(running.pod.ready).toBe(true);
  });

  it('tells why a probe fails', async () => {
    const port = await freePortBase(1);
    const probe = { httpGet: { path: '/', port }, periodSeconds: 0.01 };
    await using running = await virtualNode(
      manifest([{ name: 'app', command: ['/run', WAIT], readinessProbe: probe }]),
    );
    const unhealthy = running.event('Unhealthy');
    await running.node.start();
    expect(await unhealthy).toContain('connection refused');
  });

  it.each([
    ['an image that is not in the catalogue', { image: 'nobody/nothing:1' }, {}, 'ErrImagePull'],
    ['a command that the image does not have', { command: ['/bin/sh'] }, {}, 'RunContainerError'],
    ['no policy', {}, { [POLICY_ANNOTATION]: '' }, 'FailedCreatePodSandBox'],
    ['a policy that is no Base64', {}, { [POLICY_ANNOTATION]: '%%' }, 'FailedCreatePodSandBox'],
    ['an identity nobody knows', {}, { [IDENTITY_ANNOTATION]: '/other' }, 'FailedAssignIdentity'],
  ])('does not start a pod with %s, and says so', async (_what, container, annotations, reason) => {
    const text = manifest([{ name: 'app', command: ['/run', WAIT], ...container }], { annotations });
    await using running = await virtualNode(text);
    await running.node.start();
    expect(running.pod.failure).toMatchObject({ reason });
    expect(running.pod.status()).toMatchObject({ phase: 'Failed', ready: false });
    expect(
      running.node
        .events()
        .filter(({ type }) => type === 'Warning')
        .map((event) => event.reason),
    ).toHaveLength(1);
  });

  it('runs one of several replicas, because pods share the ports of this machine', async () => {
    await using running = await virtualNode(manifest([{ name: 'app', command: ['/run', WAIT] }], { replicas: 3 }));
    await running.node.start();
    expect(running.node.pods).toHaveLength(1);
    expect(running.node.events()[0]).toMatchObject({ reason: 'ReplicasLimited' });
  });

  it('kills a container that ignores SIGTERM once the grace is over, and leaves none running', async () => {
    const stubborn = `process.on("SIGTERM", () => {}); console.log("up"); ${WAIT}`;
    await using running = await virtualNode(manifest([{ name: 'app', command: ['/run', stubborn] }]));
    await running.node.start();
    await running.logWith('up');
    const pid = await running.running();
    await running.node.stop(20);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(running.app.status()).toMatchObject({
      state: { state: 'terminated', signal: 'SIGKILL' },
    });
  });

  it('ends every container at once when it is killed', async () => {
    const stubborn = `process.on("SIGTERM", () => {}); console.log("up"); ${WAIT}`;
    await using running = await virtualNode(manifest([{ name: 'app', command: ['/run', stubborn] }]));
    await running.node.start();
    await running.logWith('up');
    const { app } = running;
    running.node.kill();
    await running.until(() => app.pid === undefined);
    await running.node.stop();
    expect(app.status()).toMatchObject({ restartCount: 0, state: { state: 'terminated', signal: 'SIGKILL' } });
  });
});

describe('buildVirtualNodeApp', () => {
  it('shows pods, events and logs', async () => {
    await using running = await virtualNode(
      manifest([{ name: 'app', command: ['/run', 'console.log("hello"); process.exit(1)'] }]),
    );
    const ended = running.termination();
    await running.node.start();
    await ended;
    await using app = buildVirtualNodeApp(running.node);
    const get = async (url: string): Promise<{ status: number; body: string }> => {
      const { statusCode, body } = await app.inject({ url });
      return { status: statusCode, body };
    };
    expect(JSON.parse((await get('/pods')).body)).toMatchObject({ pods: [{ name: 'demo-0', phase: 'Running' }] });
    expect(JSON.parse((await get('/pods/demo-0')).body)).toMatchObject({ containers: [{ name: 'app' }] });
    expect((await get('/pods/demo-0/containers/app/logs')).body).toContain('hello');
    expect((await get('/events')).body).toContain('GuestStarted');
    expect((await get('/pods/other')).status).toBe(404);
    expect((await get('/pods/demo-0/containers/other/logs')).status).toBe(404);
  });
});
